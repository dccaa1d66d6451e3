//! A broker that a test plays: what is published lies here until the test has it delivered, in whatever order, as often as it likes.
//! Absent: losing a letter that was confirmed; no broker may.

use async_trait::async_trait;
use messaging::{
    Announcement, Letter,
    broker::{Broker, Listener, PublishError, Queue, Subscription, memory::MemoryBroker},
};
use saga::messages::StatusChange;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// What becomes of a letter that is published, and what its sender hears.
#[derive(Clone, Copy, Debug)]
pub enum Reception {
    /// It is here, and the sender is not told.
    Unconfirmed,
    /// It never came.
    Refused,
}

/// The broker. The consumers' ends are the memory broker's, which answers a delivery when it was handled.
#[derive(Default)]
pub struct Wire {
    inner: MemoryBroker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    letters: Vec<(Letter, bool)>,
    next: Option<Reception>,
    announced: Vec<StatusChange>,
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the next letter fare like this; every other one is taken and confirmed.
    pub fn receive_next(&self, how: Reception) {
        self.state().next = Some(how);
    }

    /// Takes one of the letters that were not delivered yet.
    pub fn take(&self, which: usize) -> Option<Letter> {
        let mut state = self.state();
        let mut waiting: Vec<_> = state.letters.iter_mut().filter(|(_, delivered)| !delivered).collect();
        let number = waiting.len();
        let (letter, delivered) = waiting.get_mut(which.checked_rem(number)?)?;
        *delivered = true;
        Some(letter.clone())
    }

    /// One of all letters that there ever were.
    pub fn recall(&self, which: usize) -> Option<Letter> {
        let state = self.state();
        Some(state.letters.get(which.checked_rem(state.letters.len())?)?.0.clone())
    }

    /// All letters that there ever were.
    pub fn letters(&self) -> Vec<Letter> {
        self.state().letters.iter().map(|(letter, _)| letter.clone()).collect()
    }

    /// All that orders has told everybody, in order.
    pub fn announced(&self) -> Vec<StatusChange> {
        self.state().announced.clone()
    }

    /// Hands a letter to the consumer; comes back when it was handled, or set aside.
    pub async fn deliver(&self, letter: Letter) -> Result<(), PublishError> {
        self.inner.publish(&[letter]).await.into_iter().collect()
    }
}

/// The same letter as somebody would write it who does not remember having written it.
pub fn under_another_id(letter: &Letter) -> Letter {
    let id = Uuid::now_v7();
    let mut body: Value = serde_json::from_str(&letter.body).expect("a letter is JSON");
    body["id"] = json!(id);
    Letter { id, body: body.to_string(), ..letter.clone() }
}

#[async_trait]
impl Broker for Wire {
    async fn publish(&self, batch: &[Letter]) -> Vec<Result<(), PublishError>> {
        let mut state = self.state();
        let receive = |letter: &Letter| match state.next.take() {
            Some(Reception::Refused) => Err(PublishError::Unreachable),
            reception => {
                state.letters.push((letter.clone(), false));
                reception.map_or(Ok(()), |_| Err(PublishError::Unreachable))
            }
        };
        batch.iter().map(receive).collect()
    }

    fn system(&self) -> &'static str {
        "test"
    }

    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    fn reachable(&self) -> watch::Receiver<bool> {
        self.inner.reachable()
    }

    fn subscribe(&self, queue: Queue, prefetch: u16) -> Box<dyn Subscription> {
        self.inner.subscribe(queue, prefetch)
    }

    async fn announce(&self, announcement: Announcement) {
        let announced = Announcement::read(announcement.body.as_bytes()).expect("what orders says can be read");
        self.state().announced.extend(announced.changed.changes);
        self.inner.announce(announcement).await;
    }

    fn listen(&self) -> Box<dyn Listener> {
        self.inner.listen()
    }

    fn keeps_dead_letters(&self) -> bool {
        false
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
