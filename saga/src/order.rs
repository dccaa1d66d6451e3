//! The order saga: one pure function from a state and an event to the next state and the effects that must be saved with it.
//! Absent on purpose: who the order belongs to, what it costs, when things happened; the caller keeps those.
//!
//! ```text
//!                    PaymentSucceeded
//!          +--------------------------------> FINISHED
//!   NEW ---|
//!          +--------------------------------> CANCELLED(reason)
//!                    PaymentDeclined(reason)
//! ```
//!
//! FINISHED and CANCELLED are final: a repeat of the event that led there changes nothing, any other event is a [`Contradiction`].

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Why payments would not take the money. A refusal is an outcome, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineReason {
    /// The balance is below the amount.
    InsufficientFunds,
    /// The user has no account.
    AccountNotFound,
}

impl DeclineReason {
    /// The contract's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "insufficient_funds",
            Self::AccountNotFound => "account_not_found",
        }
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Placed; payments has not answered yet.
    New,
    /// Paid. Final.
    Finished,
    /// Not paid, and never will be. Final.
    Cancelled(DeclineReason),
}

/// A text that is none of a closed list's words: a damaged row, or a message from a newer version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a known word here")]
pub struct UnknownWord(pub String);

impl FromStr for DeclineReason {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "insufficient_funds" => Ok(Self::InsufficientFunds),
            "account_not_found" => Ok(Self::AccountNotFound),
            other => Err(UnknownWord(other.to_owned())),
        }
    }
}

impl State {
    /// The contract's status word.
    pub const fn status(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Finished => "FINISHED",
            Self::Cancelled(_) => "CANCELLED",
        }
    }

    /// The reason of a cancelled order.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::New | Self::Finished => None,
            Self::Cancelled(reason) => Some(reason.as_str()),
        }
    }

    /// The state that a stored row's two words stand for.
    ///
    /// # Errors
    /// [`UnknownWord`] when no state has these words.
    pub fn from_words(status: &str, reason: Option<&str>) -> Result<Self, UnknownWord> {
        match (status, reason) {
            ("NEW", None) => Ok(Self::New),
            ("FINISHED", None) => Ok(Self::Finished),
            ("CANCELLED", Some(reason)) => Ok(Self::Cancelled(reason.parse()?)),
            (status, reason) => Err(UnknownWord(format!("{status} {}", reason.unwrap_or("without a reason")))),
        }
    }
}

/// What payments decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The amount was debited.
    PaymentSucceeded,
    /// It was not, and will not be.
    PaymentDeclined(DeclineReason),
}

/// What has to be recorded in the same transaction as the new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Ask payments for the money: an outbox row.
    RequestPayment,
    /// Tell whoever watches the order.
    AnnounceChange,
}

/// What a step comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The order moves on, with these effects.
    Changed(State, &'static [Effect]),
    /// The event is a repeat of the one that led here.
    Unchanged,
}

/// An event that a final order rules out. It changes nothing and is worth a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} contradicts the final state {state:?}")]
pub struct Contradiction {
    /// The state, unchanged.
    pub state: State,
    /// What came too late.
    pub event: Event,
}

/// How every order begins.
pub const START: (State, &[Effect]) = (State::New, &[Effect::RequestPayment]);

/// The one table of the saga: every state with every event.
///
/// # Errors
/// [`Contradiction`] when the order is final and the event says otherwise.
pub fn step(state: State, event: Event) -> Result<Step, Contradiction> {
    use Effect::AnnounceChange;
    use Event::{PaymentDeclined, PaymentSucceeded};
    match (state, event) {
        (State::New, PaymentSucceeded) => Ok(Step::Changed(State::Finished, &[AnnounceChange])),
        (State::New, PaymentDeclined(reason)) => Ok(Step::Changed(State::Cancelled(reason), &[AnnounceChange])),
        (State::Finished, PaymentSucceeded) => Ok(Step::Unchanged),
        (State::Finished, PaymentDeclined(_)) => Err(Contradiction { state, event }),
        (State::Cancelled(_), PaymentSucceeded) => Err(Contradiction { state, event }),
        (State::Cancelled(was), PaymentDeclined(now)) if was == now => Ok(Step::Unchanged),
        (State::Cancelled(_), PaymentDeclined(_)) => Err(Contradiction { state, event }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*, sample::select};

    const POOR: DeclineReason = DeclineReason::InsufficientFunds;
    const NO_ACCOUNT: DeclineReason = DeclineReason::AccountNotFound;
    const STATES: [State; 4] = [State::New, State::Finished, State::Cancelled(POOR), State::Cancelled(NO_ACCOUNT)];
    const EVENTS: [Event; 3] =
        [Event::PaymentSucceeded, Event::PaymentDeclined(POOR), Event::PaymentDeclined(NO_ACCOUNT)];

    #[test]
    fn every_state_answers_every_event_as_written_down() {
        let announced = |state| Ok(Step::Changed(state, &[Effect::AnnounceChange][..]));
        let same = Ok(Step::Unchanged);
        let no = |state, event| Err(Contradiction { state, event });
        let (finished, poor, lost) = (State::Finished, State::Cancelled(POOR), State::Cancelled(NO_ACCOUNT));
        let [paid, refused, unknown] = EVENTS;
        let table = [
            (State::New, [announced(finished), announced(poor), announced(lost)]),
            (finished, [same, no(finished, refused), no(finished, unknown)]),
            (poor, [no(poor, paid), same, no(poor, unknown)]),
            (lost, [no(lost, paid), no(lost, refused), same]),
        ];
        for (state, answers) in table {
            for (event, answer) in EVENTS.into_iter().zip(answers) {
                assert_eq!(step(state, event), answer, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn words_lead_back_to_their_state_and_other_words_to_none() {
        for state in STATES {
            assert_eq!(State::from_words(state.status(), state.reason()), Ok(state));
        }
        for (status, reason) in
            [("PAID", None), ("NEW", Some("insufficient_funds")), ("CANCELLED", None), ("CANCELLED", Some("?"))]
        {
            assert!(State::from_words(status, reason).is_err(), "{status} {reason:?}");
        }
    }

    fn run(events: &[Event]) -> State {
        events.iter().fold(START.0, |state, &event| match step(state, event) {
            Ok(Step::Changed(next, _)) => next,
            Ok(Step::Unchanged) | Err(_) => state,
        })
    }

    proptest! {
        #[test]
        fn any_events_with_repeats_and_in_any_order_end_where_the_first_verdict_led(events in vec(select(&EVENTS[..]), 1..20)) {
            prop_assert_eq!(run(&events), run(&events[..1]));
        }

        #[test]
        fn an_order_changes_exactly_once(events in vec(select(&EVENTS[..]), 1..20)) {
            let mut state = START.0;
            let mut changes = 0;
            for event in events {
                if let Ok(Step::Changed(next, effects)) = step(state, event) {
                    prop_assert_eq!(effects, &[Effect::AnnounceChange]);
                    (state, changes) = (next, changes + 1);
                }
            }
            prop_assert_eq!(changes, 1);
        }
    }
}
