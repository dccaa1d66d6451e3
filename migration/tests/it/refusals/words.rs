//! Every combination of the saga's words, and of words that are none: the CHECKs accept exactly what the saga can come to.
//! Absent: the other columns; they have their own cases.

use std::collections::HashSet;

use saga::order::{CancelCause, DeclineReason, Event, START, State, Status, Step, step};
use sea_orm::{DatabaseConnection, Value};
use uuid::Uuid;

use super::{Row, changed, orders, payments, try_row};
use crate::database::{TestDatabase, TestResult};

/// What a row says of the saga: status, reason, and the cause of a cancel that was requested.
type Words<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

pub async fn orders_accept_exactly_the_rows_that_the_saga_can_reach(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    migration::orders::up(&db).await?;
    let reachable = reachable();
    let mut met = 0;
    for status in words(Status::ALL.iter().map(|status| status.as_str())) {
        for reason in reasons() {
            for cause in optional(CancelCause::ALL.iter().map(|cause| cause.as_str())) {
                let words = (status, reason, cause);
                let change = [
                    ("status", status.into()),
                    ("reason", text(reason)),
                    ("cancel_requested_at", cause.map(|_| 1_i64).into()),
                    ("cancel_cause", text(cause)),
                ];
                let state = reachable.iter().find(|(_, reached)| *reached == words).map(|(state, _)| *state);
                assert_eq!(
                    is_accepted(&db, "orders", orders::valid, &change.into()).await?,
                    state.is_some(),
                    "{words:?}"
                );
                if let Some(state) = state {
                    assert_eq!(State::from_words(status, reason, cause), Ok(state), "{words:?}");
                    met += 1;
                }
            }
        }
    }
    assert_eq!(met, reachable.len(), "each reachable row was tried");
    Ok(())
}

/// Whatever the saga's steps lead to, beginning where every order begins, with the words of its row.
fn reachable() -> HashSet<(State, Words<'static>)> {
    let mut reached = HashSet::new();
    let mut ahead = vec![(START.0, None)];
    while let Some((state, requested)) = ahead.pop() {
        if reached.insert((state, (state.status().as_str(), state.reason(), requested.map(CancelCause::as_str)))) {
            ahead.extend(events().filter_map(|event| match step(state, event) {
                Ok(Step::Changed(next @ State::Cancelling(cause), _)) => Some((next, Some(cause))),
                Ok(Step::Changed(next, _)) => Some((next, requested)),
                Ok(Step::Unchanged | Step::TooLate) | Err(_) => None,
            }));
        }
    }
    reached
}

fn events() -> impl Iterator<Item = Event> {
    let declined = DeclineReason::ALL.iter().copied().map(Event::PaymentDeclined);
    let cancelled = CancelCause::ALL.iter().copied().map(Event::PaymentCancelled);
    let wanted = CancelCause::ALL.iter().copied().map(Event::CancelRequested);
    [Event::PaymentSucceeded, Event::AnswerOverdue].into_iter().chain(declined).chain(cancelled).chain(wanted)
}

pub async fn payments_accept_exactly_the_verdicts_that_have_words(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    migration::payments::up(&db).await?;
    for verdict in words(["succeeded", "declined", "cancelled"].into_iter()) {
        for reason in reasons() {
            for (debit, refund) in [(false, false), (true, false), (false, true), (true, true)] {
                let id = |there: bool| -> Value { there.then(|| Uuid::from_u128(9)).into() };
                let change = [
                    ("verdict", verdict.into()),
                    ("reason", text(reason)),
                    ("transaction_id", id(debit)),
                    ("refund_id", id(refund)),
                ];
                let fits = match (verdict, reason) {
                    ("succeeded", None) => debit && !refund,
                    ("declined", Some(reason)) => reason.parse::<DeclineReason>().is_ok() && !debit && !refund,
                    ("cancelled", Some(cause)) => cause.parse::<CancelCause>().is_ok() && debit == refund,
                    _ => false,
                };
                assert_eq!(
                    is_accepted(&db, "payments", payments::payment, &change.into()).await?,
                    fits,
                    "{verdict} {reason:?} {debit} {refund}"
                );
            }
        }
    }
    Ok(())
}

/// Whether the row goes in. Whatever refuses it but a CHECK is an error.
async fn is_accepted(
    db: &DatabaseConnection,
    table: &'static str,
    valid: fn(u8) -> Row,
    change: &Row,
) -> TestResult<bool> {
    match try_row(db, table, valid(1), changed(valid(2), change)).await? {
        Ok(()) => Ok(true),
        Err(error) if error.to_string().to_lowercase().contains("check constraint") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The words, and some that are none.
fn words<'a>(known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    known.chain(["", "a whim", "new", "PAID"]).collect()
}

fn optional<'a>(known: impl Iterator<Item = &'a str>) -> Vec<Option<&'a str>> {
    words(known).into_iter().map(Some).chain([None]).collect()
}

fn reasons() -> Vec<Option<&'static str>> {
    let declined = DeclineReason::ALL.iter().map(|reason| reason.as_str());
    optional(declined.chain(CancelCause::ALL.iter().map(|cause| cause.as_str())))
}

fn text(word: Option<&str>) -> Value {
    word.map(str::to_owned).into()
}
