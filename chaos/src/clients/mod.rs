//! The shop's clients in a fault run, and the recorder of all that they do, are told, and see.
//! Absent: any judgement of it.

mod buyer;
mod watcher;

pub use buyer::{BUYERS, Buyer};
pub use watcher::Watcher;

use crate::history::{Answer, Attempt, History, Push, State, Time, Wish};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Writes the history. A cheap clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    begun: Instant,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    history: History,
    finals: BTreeSet<String>,
}

impl Recorder {
    /// Time begins now.
    pub fn start() -> Self {
        Self { begun: Instant::now(), book: Arc::default() }
    }

    /// Since the beginning.
    pub fn now(&self) -> Time {
        Time::try_from(self.begun.elapsed().as_micros()).unwrap_or(Time::MAX)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client of sockets; gives its number.
    pub fn watcher(&self, user: &str) -> usize {
        let watchers = &mut self.book().history.watchers;
        watchers.push(user.to_owned());
        watchers.len() - 1
    }

    /// It has connected again.
    pub fn resumed(&self) {
        self.book().history.resumed += 1;
    }

    /// Something was pushed.
    pub fn pushed(&self, client: usize, order: String, state: State) {
        let at = self.now();
        let mut book = self.book();
        if state.is_final() {
            book.finals.insert(order.clone());
        }
        book.history.pushes.push(Push { client, order, state, at });
    }

    /// A request and what came of it.
    pub fn attempted(&self, attempt: Attempt) {
        let mut book = self.book();
        let state = attempt.acknowledged().and_then(|answer| answer.state.as_ref());
        if let (Wish::Look { order }, true) = (&attempt.wish, state.is_some_and(State::is_final)) {
            book.finals.insert(order.clone());
        }
        book.history.attempts.push(attempt);
    }

    /// Whether anybody has seen this order to be final.
    pub fn is_final(&self, order: &str) -> bool {
        self.book().finals.contains(order)
    }

    /// Orders seen to be final so far, and attempts so far.
    pub fn progress(&self) -> (usize, usize) {
        let book = self.book();
        (book.finals.len(), book.history.attempts.len())
    }

    /// All of it so far.
    pub fn history(&self) -> History {
        self.book().history.clone()
    }
}

/// Reads an answer about an order or an account's entry.
fn answer(answer: &e2e::Answer, at: Time) -> Answer {
    let body = answer.json();
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    Answer {
        at,
        status: answer.status,
        code: text("code"),
        id: text("id").or_else(|| text("transaction_id")),
        state: state(&body),
        retry_after: answer.header("retry-after").is_some(),
    }
}

/// How the order stands that is described so.
pub fn state(order: &Value) -> Option<State> {
    let words: Vec<_> = [&order["status"], &order["reason"]].into_iter().filter_map(Value::as_str).collect();
    Some(State { outcome: words.join(" "), version: order["version"].as_i64()? }).filter(|_| !words.is_empty())
}

/// Minor units as the contract writes them.
fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}
