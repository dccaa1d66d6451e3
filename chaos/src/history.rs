//! What clients did and saw, each attempt and each push with its times, and what the shop says in the end.
//! Absent: any judgement (check), and clocks; times are microseconds from the beginning of the run.

use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// Microseconds from the beginning of the run.
pub type Time = u64;

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// An order, placed under a key that is in its description, too.
    Order {
        /// The Idempotency-Key.
        key: String,
        /// In minor units.
        amount: i64,
    },
    /// Money on the account, under a key.
    TopUp {
        /// The Idempotency-Key.
        key: String,
        /// In minor units.
        amount: i64,
    },
    /// That an order be cancelled.
    Cancel {
        /// Its id.
        order: String,
    },
    /// To know how an order stands.
    Look {
        /// Its id.
        order: String,
    },
}

/// What the shop answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// When.
    pub at: Time,
    /// The status.
    pub status: u16,
    /// The stable part of a problem.
    pub code: Option<String>,
    /// Of the order, or of the ledger's entry.
    pub id: Option<String>,
    /// How the order stood, where the answer says so.
    pub state: Option<State>,
    /// Whether it says when to come again.
    pub retry_after: bool,
}

/// One request, and its answer if one came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Who.
    pub user: String,
    /// What.
    pub wish: Wish,
    /// When it was sent.
    pub sent: Time,
    /// None when the client has given up waiting or was cut off.
    pub answer: Option<Answer>,
}

/// How an order stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct State {
    /// Status and reason, such as `CANCELLED insufficient_funds`.
    pub outcome: String,
    /// Its version.
    pub version: i64,
}

impl State {
    /// Whether it can never change again.
    pub fn is_final(&self) -> bool {
        self.outcome != "NEW"
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in version {}", self.outcome, self.version)
    }
}

/// What a socket's client was told about an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Push {
    /// Which of the clients; it resumes by cursor when its connection ends, so this is one for the whole run.
    pub client: usize,
    /// The order.
    pub order: String,
    /// How it stands.
    pub state: State,
    /// When it was heard.
    pub at: Time,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// In the order in which they were sent, roughly.
    pub attempts: Vec<Attempt>,
    /// In the order in which each client heard them.
    pub pushes: Vec<Push>,
    /// Whose orders each client of sockets watches.
    pub watchers: Vec<String>,
    /// How often clients have resumed.
    pub resumed: u64,
}

/// An order, as the shop lists it in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// Whose.
    pub user: String,
    /// The key that it was placed under, from its description.
    pub key: Option<String>,
    /// In minor units.
    pub amount: i64,
    /// How it stands.
    pub state: State,
}

/// Money that was put in, as the ledger has it in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopUp {
    /// The entry's id.
    pub id: String,
    /// Whose.
    pub user: String,
    /// In minor units.
    pub amount: i64,
}

/// What the shop says when everything is settled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// All orders of all users.
    pub orders: Vec<Order>,
    /// All money that was put in.
    pub top_ups: Vec<TopUp>,
}

impl Attempt {
    /// Whether the shop says that it is done: the status that the contract has for it.
    pub fn acknowledged(&self) -> Option<&Answer> {
        let status = match self.wish {
            Wish::Order { .. } => 201,
            Wish::TopUp { .. } | Wish::Look { .. } => 200,
            Wish::Cancel { .. } => 202,
        };
        self.answer.as_ref().filter(|answer| answer.status == status)
    }

    /// Whether it may have been done all the same: no answer came, or one that leaves it open.
    pub fn is_open(&self) -> bool {
        self.answer.as_ref().is_none_or(|answer| answer.status >= 500 || answer.status == 408)
    }
}

impl History {
    /// The last state of each order that each client of sockets was told.
    pub fn told(&self) -> BTreeMap<(usize, &str), &State> {
        self.pushes.iter().map(|push| ((push.client, push.order.as_str()), &push.state)).collect()
    }

    /// Everything about an order, or the key that it was placed under, in order of time, a line each.
    pub fn of(&self, order: Option<&str>, key: Option<&str>) -> Vec<String> {
        let is_about = |attempt: &Attempt| match &attempt.wish {
            Wish::Order { key: its, .. } => {
                Some(its.as_str()) == key
                    || order.is_some() && attempt.answer.as_ref().is_some_and(|answer| answer.id.as_deref() == order)
            }
            Wish::TopUp { key: its, .. } => Some(its.as_str()) == key,
            Wish::Cancel { order: its } | Wish::Look { order: its } => Some(its.as_str()) == order,
        };
        let attempts = self.attempts.iter().filter(|attempt| is_about(attempt));
        let pushes = self.pushes.iter().filter(|push| Some(push.order.as_str()) == order);
        let mut lines: Vec<_> = attempts.map(|attempt| (attempt.sent, attempt.to_string())).collect();
        lines.extend(pushes.map(|push| (push.at, push.to_string())));
        lines.sort();
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {:?}", seconds(self.sent), self.user, self.wish)?;
        let Some(answer) = &self.answer else { return f.write_str(", no answer") };
        write!(f, ", {} {}", seconds(answer.at), answer.status)?;
        let words = [answer.code.clone(), answer.id.clone(), answer.state.as_ref().map(State::to_string)];
        words.into_iter().flatten().try_for_each(|word| write!(f, " {word}"))
    }
}

impl fmt::Display for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pushed to client {}: {}", seconds(self.at), self.client, self.state)
    }
}

/// A time for reading.
pub fn seconds(time: Time) -> String {
    format!("{}.{:03} s", time / 1_000_000, time % 1_000_000 / 1_000)
}
