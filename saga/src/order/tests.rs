//! Every state with every event, as written down here once more, and what holds for any run of events.
//! Absent: who makes the events; the model and the services' tests have those.

use super::*;
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::BTreeSet;

const POOR: DeclineReason = DeclineReason::InsufficientFunds;
const LOST: DeclineReason = DeclineReason::AccountNotFound;
const USER: CancelCause = CancelCause::ByUser;
const LATE: CancelCause = CancelCause::Deadline;
const STATES: [State; 8] = [
    State::New,
    State::Cancelling(USER),
    State::Cancelling(LATE),
    State::Finished,
    State::Declined(POOR),
    State::Declined(LOST),
    State::Cancelled(USER),
    State::Cancelled(LATE),
];
const EVENTS: [Event; 8] = [
    Event::PaymentSucceeded,
    Event::PaymentDeclined(POOR),
    Event::PaymentDeclined(LOST),
    Event::PaymentCancelled(USER),
    Event::PaymentCancelled(LATE),
    Event::CancelRequested(USER),
    Event::CancelRequested(LATE),
    Event::AnswerOverdue,
];

/// Where each state goes with each event: a dot for "stays", `!` for a contradiction, `x` for too late.
const WRITTEN_DOWN: [(State, [&str; 8]); 8] = [
    (State::New, ["F", "D poor", "D lost", "C user", "C late", "C? user", "C? late", "."]),
    (State::Cancelling(USER), [".", "D poor", "D lost", "C user", "C late", ".", ".", "C? user"]),
    (State::Cancelling(LATE), [".", "D poor", "D lost", "C user", "C late", ".", ".", "C? late"]),
    (State::Finished, [".", "!", "!", "!", "!", "x", "x", "x"]),
    (State::Declined(POOR), ["!", ".", "!", "!", "!", "x", "x", "x"]),
    (State::Declined(LOST), ["!", "!", ".", "!", "!", "x", "x", "x"]),
    (State::Cancelled(USER), [".", "!", "!", ".", "!", "x", "x", "x"]),
    (State::Cancelled(LATE), [".", "!", "!", "!", ".", "x", "x", "x"]),
];

fn short(step: Result<Step, Contradiction>) -> &'static str {
    match step {
        Ok(Step::Changed(state, effects)) => {
            let told = if state.is_final() { Effect::AnnounceChange } else { Effect::RequestCancel };
            assert_eq!(effects, [told], "{state:?}");
            match state {
                State::New => "N",
                State::Cancelling(USER) => "C? user",
                State::Cancelling(LATE) => "C? late",
                State::Finished => "F",
                State::Declined(POOR) => "D poor",
                State::Declined(LOST) => "D lost",
                State::Cancelled(USER) => "C user",
                State::Cancelled(LATE) => "C late",
            }
        }
        Ok(Step::Unchanged) => ".",
        Ok(Step::TooLate) => "x",
        Err(_) => "!",
    }
}

#[test]
fn every_state_answers_every_event_as_written_down() {
    assert_eq!(WRITTEN_DOWN.map(|(state, _)| state), STATES);
    for (state, answers) in WRITTEN_DOWN {
        for (event, answer) in EVENTS.into_iter().zip(answers) {
            assert_eq!(short(step(state, event)), answer, "{state:?} {event:?}");
        }
    }
}

#[test]
fn words_lead_back_to_their_state_and_other_words_to_none() {
    for state in STATES {
        let cancelling = if let State::Cancelling(cause) = state { Some(cause.as_str()) } else { None };
        assert_eq!(State::from_words(state.status().as_str(), state.reason(), cancelling), Ok(state));
    }
    let none = [
        ("PAID", None, None),
        ("NEW", Some("insufficient_funds"), None),
        ("NEW", None, Some("?")),
        ("FINISHED", Some("cancelled_by_user"), None),
        ("CANCELLED", None, None),
        ("CANCELLED", Some("?"), None),
    ];
    for (status, reason, cancelling) in none {
        assert!(State::from_words(status, reason, cancelling).is_err(), "{status} {reason:?}");
    }
}

#[test]
fn no_word_stands_for_two_reasons() {
    let words =
        DeclineReason::ALL.iter().map(|one| one.as_str()).chain(CancelCause::ALL.iter().map(|one| one.as_str()));
    assert_eq!(words.collect::<BTreeSet<_>>().len(), DeclineReason::ALL.len() + CancelCause::ALL.len());
}

fn next(state: State, event: Event) -> State {
    match step(state, event) {
        Ok(Step::Changed(next, _)) => next,
        Ok(Step::Unchanged | Step::TooLate) | Err(_) => state,
    }
}

proptest! {
    #[test]
    fn a_final_order_never_changes(events in vec(select(&EVENTS[..]), 1..30)) {
        let mut state = START.0;
        for event in events {
            let after = next(state, event);
            prop_assert!(!state.is_final() || after == state, "{state:?} {event:?}");
            state = after;
        }
    }

    #[test]
    fn an_order_asks_to_be_cancelled_once_unless_the_answer_is_overdue(events in vec(select(&EVENTS[..]), 1..30)) {
        let (mut state, mut asked, mut overdue) = (START.0, 0, 0);
        for event in events {
            if let Ok(Step::Changed(next, effects)) = step(state, event) {
                asked += usize::from(effects.contains(&Effect::RequestCancel));
                overdue += usize::from(event == Event::AnswerOverdue);
                prop_assert!((state == next) == (event == Event::AnswerOverdue), "{state:?} {event:?}");
                state = next;
            }
        }
        prop_assert!(asked <= 1 + overdue);
    }
}
