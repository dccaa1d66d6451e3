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
        if let (Some(origin), Command::Charge { order_id, .. }, Outcome::Charged(verdict)) =
            (&task.message, &task.command, outcome)
        {
            tracer.record(origin.trace, since, || charged(*order_id, *verdict, size));
        }
    }
}

fn charged(order_id: OrderId, verdict: Verdict, batch: usize) -> Span {
    let outcome = match verdict {
        Verdict::Succeeded(_) => "succeeded",
        Verdict::Declined(reason) => reason.as_str(),
    };
    Span::new(SpanKind::Internal, "debit account")
        .with("gozon.order.id", order_id.to_string())
        .with("gozon.payment.outcome", outcome)
        .with("gozon.batch.size", i64::try_from(batch).unwrap_or(i64::MAX))
}
