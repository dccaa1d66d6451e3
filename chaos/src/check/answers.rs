//! Answers: only those that the contract has for what our clients do, all of whose requests are well-formed.
//! Absent: whether an answer was true (orders, states, money).

use super::{Excuses, Finding, Law};
use crate::history::{Answer, Attempt, History, Wish};

pub(super) fn check(history: &History, excuses: &Excuses) -> Vec<Finding> {
    let wrong = |attempt: &&Attempt| attempt.answer.as_ref().is_some_and(|answer| !fits(attempt, answer, excuses));
    history.attempts.iter().filter(wrong).map(finding).collect()
}

fn fits(attempt: &Attempt, answer: &Answer, excuses: &Excuses) -> bool {
    let code = answer.code.as_deref();
    match (answer.status, &attempt.wish) {
        (201, Wish::Order { .. }) | (200, Wish::TopUp { .. }) => answer.id.is_some(),
        (202, Wish::Cancel { .. }) | (200, Wish::Look { .. }) => answer.state.is_some(),
        (409, Wish::Cancel { .. }) => code == Some("order_already_final"),
        (503, _) => matches!(code, Some("overloaded" | "unavailable")) && answer.retry_after,
        (408, _) => code == Some("request_timeout") && excuses.zombies.meet(attempt, answer.at),
        (500, _) => code == Some("internal") && excuses.panics.meet(attempt, answer.at),
        _ => false,
    }
}

fn finding(attempt: &Attempt) -> Finding {
    let finding = Finding::new(Law::Answer, &attempt.user, attempt.to_string());
    match &attempt.wish {
        Wish::Order { key, .. } | Wish::TopUp { key, .. } => finding.key(key),
        Wish::Cancel { order } | Wish::Look { order } => finding.order(order),
    }
}
