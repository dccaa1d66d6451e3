//! A service that handles messages as it is told, and counts.

use crate::wait::until;
use async_trait::async_trait;
use messaging::{
    Event, Letter,
    consumer::{Handle, HandleError},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};
use telemetry::TraceContext;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// What it does with a message this time.
pub enum Will {
    Handle,
    Fail(HandleError),
    Panic,
}

type Decide = dyn Fn(Uuid, usize) -> Will + Send + Sync;

/// A cheap clone.
#[derive(Clone)]
pub struct Handler {
    decide: Arc<Decide>,
    gate: Arc<Semaphore>,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    tries: HashMap<Uuid, usize>,
    handled: HashSet<Uuid>,
    traces: HashMap<Uuid, Vec<TraceContext>>,
}

impl Handler {
    /// Decides by the message and by the number of this try, from 1.
    pub fn new(decide: impl Fn(Uuid, usize) -> Will + Send + Sync + 'static) -> Self {
        Self { decide: Arc::new(decide), gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)), books: Arc::default() }
    }

    /// Handles everything, but only when the gate lets it.
    pub fn gated() -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), ..Self::new(|_, _| Will::Handle) }
    }

    pub fn open_gate(&self, messages: usize) {
        self.gate.add_permits(messages);
    }

    pub fn tries(&self, letter: &Letter) -> usize {
        self.with(|books| books.tries.get(&letter.id).copied().unwrap_or(0))
    }

    /// The contexts that its handlings were given.
    pub fn traces(&self, letter: &Letter) -> Vec<TraceContext> {
        self.with(|books| books.traces.get(&letter.id).cloned().unwrap_or_default())
    }

    pub async fn has_handled(&self, letters: &[Letter]) {
        let all = || self.with(|books| letters.iter().all(|letter| books.handled.contains(&letter.id)));
        until("all are handled", || async { all() }).await;
    }

    fn with<T>(&self, look: impl FnOnce(&mut Books) -> T) -> T {
        look(&mut self.books.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Handle for Handler {
    async fn handle(&self, event: &Event) -> Result<(), HandleError> {
        let id = event.id.uuid();
        let tries = self.with(|books| {
            let tries = books.tries.entry(id).or_default();
            *tries += 1;
            let tries = *tries;
            books.traces.entry(id).or_default().extend(event.trace);
            tries
        });
        self.gate.acquire().await.map_err(|_| HandleError::Unavailable)?.forget();
        match (self.decide)(id, tries) {
            Will::Handle => {
                self.with(|books| books.handled.insert(id));
                Ok(())
            }
            Will::Fail(error) => Err(error),
            Will::Panic => panic!("unlucky with {id}"),
        }
    }
}
