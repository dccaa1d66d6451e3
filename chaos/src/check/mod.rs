//! The judge of a history: what clients were promised, held against what the shop says in the end and what it said meanwhile. Pure.
//! Absent: the books (the audit proves those) and the broker's dead letters (poison).

mod answers;
mod money;
mod orders;
mod pushes;
mod states;

#[cfg(test)]
mod tests;

use crate::history::{Attempt, History, Time, Truth};
use serde::Serialize;

/// A promise that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// An order or money that was acknowledged is not there.
    Lost,
    /// A key made two of them.
    Duplicated,
    /// Nobody asked for it.
    Unasked,
    /// An order that is not final though everything has stopped.
    Open,
    /// A version that went back, or a final status that changed.
    WentBack,
    /// An order that was to be cancelled and is FINISHED.
    NotCancelled,
    /// A push that came after a newer one.
    PushedBack,
    /// An order whose end a client was not told.
    NotPushed,
    /// An answer that the contract does not have for the call.
    Answer,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which promise.
    pub law: Law,
    /// To whom.
    pub user: String,
    /// The order that it is about.
    pub order: Option<String>,
    /// The key that it is about.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    fn new(law: Law, user: &str, what: impl Into<String>) -> Self {
        Self { law, user: user.to_owned(), order: None, key: None, what: what.into() }
    }

    fn order(mut self, order: &str) -> Self {
        self.order = Some(order.to_owned());
        self
    }

    fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }
}

/// Faults that excuse an answer which else breaks a promise, and when there were some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excuses {
    /// An actor panicked: an answer may be 500.
    pub panics: Spans,
    /// An instance stood still: it may take a request that it did not read for one that did not come in time.
    pub zombies: Spans,
}

impl Excuses {
    /// Everything that can be excused is.
    pub const ALL: Self = Self { panics: Spans::Always, zombies: Spans::Always };
}

/// Times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spans {
    /// All of it.
    Always,
    /// From the one time to the other.
    During(Vec<(Time, Time)>),
}

impl Spans {
    fn meet(&self, attempt: &Attempt, answered: Time) -> bool {
        match self {
            Self::Always => true,
            Self::During(spans) => spans.iter().any(|(from, to)| attempt.sent <= *to && answered >= *from),
        }
    }
}

/// Every promise of the history that the truth, or the history itself, breaks.
pub fn check(history: &History, truth: &Truth, excuses: &Excuses) -> Vec<Finding> {
    let mut findings = orders::check(history, truth);
    findings.extend(states::check(history, truth));
    findings.extend(pushes::check(history, truth));
    findings.extend(money::check(history, truth));
    findings.extend(answers::check(history, excuses));
    findings
}
