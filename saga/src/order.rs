//! The order saga: one table of states, events and effects, and one function that looks up in it.
//! Absent on purpose: who the order belongs to, what it costs, when things happened; the caller keeps those.
//!
//! Whatever else has to know the states (the database's CHECKs, the OpenAPI documents, the diagram in `ARCHITECTURE.md`) is compared
//! with this table by tests.

mod diagram;

pub use diagram::diagram;

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A text that is none of a closed list's words: a damaged row, or a message from a newer version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a known word here")]
pub struct UnknownWord(pub String);

/// A closed list of the contract's words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them, in the contract's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The contract's word for it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err(UnknownWord(other.to_owned())),
                }
            }
        }
    };
}

words! {
    /// What clients see of a state.
    Status {
        /// Payments has not answered yet.
        New = "NEW",
        /// Paid. Final.
        Finished = "FINISHED",
        /// Not paid, or paid back. Final.
        Cancelled = "CANCELLED",
    }
}

words! {
    /// Why payments would not take the money. A refusal is an outcome, not an error.
    DeclineReason {
        /// The balance is below the amount.
        InsufficientFunds = "insufficient_funds",
        /// The user has no account.
        AccountNotFound = "account_not_found",
    }
}

words! {
    /// Who wants an order cancelled.
    CancelCause {
        /// The buyer.
        ByUser = "cancelled_by_user",
        /// The clock: it was not paid in time.
        Deadline = "payment_deadline",
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Placed; payments has not answered yet.
    New,
    /// Payments has been asked to cancel, and its answer to that decides, whatever it answered before.
    Cancelling(CancelCause),
    /// Paid. Final.
    Finished,
    /// Payments would not take the money. Final.
    Declined(DeclineReason),
    /// Payments will never take the money, or has given it back. Final.
    Cancelled(CancelCause),
}

impl State {
    /// The contract's status.
    pub const fn status(self) -> Status {
        match self {
            Self::New | Self::Cancelling(_) => Status::New,
            Self::Finished => Status::Finished,
            Self::Declined(_) | Self::Cancelled(_) => Status::Cancelled,
        }
    }

    /// The reason of an order that is CANCELLED.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::New | Self::Cancelling(_) | Self::Finished => None,
            Self::Declined(reason) => Some(reason.as_str()),
            Self::Cancelled(cause) => Some(cause.as_str()),
        }
    }

    /// Whether nothing can change it any more.
    pub const fn is_final(self) -> bool {
        !matches!(self.status(), Status::New)
    }

    /// The state that a stored row's words stand for; `cancelling` is the cause of a cancel that was requested.
    ///
    /// # Errors
    /// [`UnknownWord`] when no state has these words.
    pub fn from_words(status: &str, reason: Option<&str>, cancelling: Option<&str>) -> Result<Self, UnknownWord> {
        match (status.parse()?, reason) {
            (Status::New, None) => cancelling.map_or(Ok(Self::New), |cause| cause.parse().map(Self::Cancelling)),
            (Status::Finished, None) => Ok(Self::Finished),
            (Status::Cancelled, Some(reason)) => {
                reason.parse().map(Self::Declined).or_else(|_| reason.parse().map(Self::Cancelled))
            }
            (_, reason) => Err(UnknownWord(format!("{status} {}", reason.unwrap_or("without a reason")))),
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::New => Kind::New,
            Self::Cancelling(_) => Kind::Cancelling,
            Self::Finished => Kind::Finished,
            Self::Declined(_) => Kind::Declined,
            Self::Cancelled(_) => Kind::Cancelled,
        }
    }
}

/// What happens to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Payments answered: the amount was debited.
    PaymentSucceeded,
    /// Payments answered: it was not, and will not be.
    PaymentDeclined(DeclineReason),
    /// Payments answered: it never will be, or was given back.
    PaymentCancelled(CancelCause),
    /// Somebody wants it cancelled.
    CancelRequested(CancelCause),
    /// Payments has been silent for long about a cancel: the request, or the answer, may be lost with a broker.
    AnswerOverdue,
}

/// What has to be recorded in the same transaction as the new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Ask payments for the money: an outbox row.
    RequestPayment,
    /// Ask payments to cancel: an outbox row.
    RequestCancel,
    /// Tell whoever watches the order that it is final.
    AnnounceChange,
}

/// What a step comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The order moves on, or says something once more, with these effects.
    Changed(State, &'static [Effect]),
    /// Nothing new: a repeat, or an answer that the answer to the cancel overrules.
    Unchanged,
    /// A wish, and the order is final.
    TooLate,
}

/// A payments' answer that a final order rules out. It changes nothing and is worth a warning.
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

/// A state without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    New,
    Cancelling,
    Finished,
    Declined,
    Cancelled,
}

/// What an event does to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The state that the event names, with these effects.
    Go(&'static [Effect]),
    /// No other state, but these effects once more.
    Again(&'static [Effect]),
    /// Nothing.
    Stay,
    /// Nothing, if it says what led here.
    Repeat,
    /// It can't be.
    Contradict,
    /// It comes too late.
    Refuse,
}

/// The one table of the saga: every state with every event, in the order of [`look_up`]'s columns.
///
/// A cancelling order waits for the answer to its cancel alone: a debit that payments reports meanwhile is given back, and the report
/// may even arrive after the answer. So an order never becomes FINISHED on a payment that is being undone.
const TABLE: [(Kind, [Then; 5]); 5] = {
    use Then::{Again, Contradict, Go, Refuse, Repeat, Stay};
    const TOLD: Then = Go(&[Effect::AnnounceChange]);
    const ASKED: Then = Go(&[Effect::RequestCancel]);
    const ASKED_AGAIN: Then = Again(&[Effect::RequestCancel]);
    [
        //                 succeeded   declined    cancelled   wanted  overdue
        (Kind::New, [TOLD, TOLD, TOLD, ASKED, Stay]),
        (Kind::Cancelling, [Stay, TOLD, TOLD, Stay, ASKED_AGAIN]),
        (Kind::Finished, [Stay, Contradict, Contradict, Refuse, Refuse]),
        (Kind::Declined, [Contradict, Repeat, Contradict, Refuse, Refuse]),
        (Kind::Cancelled, [Stay, Contradict, Repeat, Refuse, Refuse]),
    ]
};

/// Steps the saga.
///
/// # Errors
/// [`Contradiction`] when the order is final and payments says otherwise.
pub fn step(state: State, event: Event) -> Result<Step, Contradiction> {
    let (goal, then) = look_up(state.kind(), event);
    match then {
        Then::Go(effects) => Ok(Step::Changed(goal.unwrap_or(state), effects)),
        Then::Again(effects) => Ok(Step::Changed(state, effects)),
        Then::Stay => Ok(Step::Unchanged),
        Then::Repeat if goal == Some(state) => Ok(Step::Unchanged),
        Then::Repeat | Then::Contradict => Err(Contradiction { state, event }),
        Then::Refuse => Ok(Step::TooLate),
    }
}

/// The state that an event names, if it names one, and what it does to a state of that kind.
fn look_up(kind: Kind, event: Event) -> (Option<State>, Then) {
    let (goal, column) = match event {
        Event::PaymentSucceeded => (Some(State::Finished), 0),
        Event::PaymentDeclined(reason) => (Some(State::Declined(reason)), 1),
        Event::PaymentCancelled(cause) => (Some(State::Cancelled(cause)), 2),
        Event::CancelRequested(cause) => (Some(State::Cancelling(cause)), 3),
        Event::AnswerOverdue => (None, 4),
    };
    let row = TABLE.iter().find(|(row, _)| *row == kind);
    (goal, row.map_or(Then::Contradict, |(_, columns)| columns[column]))
}

#[cfg(test)]
mod tests;
