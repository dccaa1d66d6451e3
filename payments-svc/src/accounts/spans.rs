//! What traces say about a change of an account: each order has a span of its own of the transaction that many share.
//! Absent: who owns the account and what is on it.

use super::{
    account::{Command, Outcome, Verdict},
    ledger::{AccountTasks, tasks},
};
use saga::OrderId;
use std::time::SystemTime;
use telemetry::{Span, SpanKind, Tracer};

/// The work was committed, begun at `since`; these are its outcomes, a list for each account.
pub(super) fn committed(tracer: &Tracer, work: &[AccountTasks], outcomes: &[Vec<Outcome>], since: SystemTime) {
    if !tracer.is_on() {
        return;
    }
    let size = tasks(work).count();
    for ((_, task), outcome) in tasks(work).zip(outcomes.iter().flatten()) {
        let (name, order_id) = match &task.command {
            Command::Charge { order_id, .. } => ("debit account", *order_id),
            Command::Cancel { order_id, .. } => ("cancel payment", *order_id),
            Command::Create | Command::TopUp { .. } => continue,
        };
        if let (Some(origin), Outcome::Decided(verdict)) = (&task.message, outcome) {
            tracer.record(origin.trace, since, || decided(name, order_id, *verdict, size));
        }
    }
}

fn decided(name: &'static str, order_id: OrderId, verdict: Verdict, batch: usize) -> Span {
    let outcome = match verdict {
        Verdict::Succeeded(_) => "succeeded",
        Verdict::Declined(reason) => reason.as_str(),
        Verdict::Fenced(cause) | Verdict::Refunded { cause, .. } => cause.as_str(),
    };
    Span::new(SpanKind::Internal, name)
        .with("gozon.order.id", order_id.to_string())
        .with("gozon.payment.outcome", outcome)
        .with("gozon.batch.size", i64::try_from(batch).unwrap_or(i64::MAX))
}
