//! The relay: publishes outbox rows and deletes what the broker has confirmed. Straight from memory after the commit when it can;
//! the sweep takes the rows that outlived their sender, or never had one because too much was held. Absent: anything that depends on the
//! memory, and a promise of order; but whoever came first is not overtaken by all who come later.

use crate::{
    Letter, Metrics, Pair,
    broker::{Broker, PublishError},
    outbox, spans,
};
use async_trait::async_trait;
use saga::messages::Payload;
use std::{
    collections::HashSet,
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use store::{Clock, Micros, Store};
use supervision::{Gatherer, Handle, Limits, Pause, Repeater, RepeaterHandle, Step, Vitals, Work};
use telemetry::{TraceContext, Tracer};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a row is its sender's. Longer than the broker may stay silent (10 s): one that stalls is given up, and its rows released,
/// before another instance takes them. A batch that moves, but for longer than this, may be published twice; inboxes know that.
const LEASE: Duration = Duration::from_secs(15);
/// Letters held in memory; beyond that rows are written without a lease and wait for the sweep, and so are all that follow until the
/// sweep has found no more of them: if new ones took whatever room there is, those would wait for as long as anybody comes. About 20 MB.
const MOST_HELD: usize = 20_000;
/// Letters published in one go: large enough that the confirm's round trip is shared, small enough that the next batch waits little.
const BATCH: usize = 1_000;
/// Rows taken by one sweep step: a batch.
const SWEEP_STEP: u32 = 1_000;
/// How often the sweep looks when nobody nudges it. One index look-up; it finds rows of crashed instances.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

fn lease() -> Duration {
    failpoints::instead_of("relay::lease", LEASE)
}

/// The way to the relay. A cheap clone.
#[derive(Clone)]
pub struct Relay {
    publishing: Handle<Publishing>,
    sweeping: RepeaterHandle,
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    broker: Arc<dyn Broker>,
    clock: Clock,
    metrics: Metrics,
    tracer: Tracer,
    pair: Pair,
    books: Mutex<Books>,
    /// Told whenever letters are let go.
    let_go: Notify,
}

/// What the memory knows of the outbox.
#[derive(Default)]
struct Books {
    /// Ids held in memory. A sweep passes them by: with a slow consumer behind the in-process broker a lease may run out.
    held: HashSet<Uuid>,
    /// How many times rows were left to the sweep.
    left: u64,
    /// Up to which of those times the sweep has found all.
    swept: u64,
}

impl Books {
    fn room(&self) -> bool {
        self.held.len() < MOST_HELD
    }
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn let_go(&self, letters: &[Letter]) {
        let mut books = self.books();
        for letter in letters {
            books.held.remove(&letter.id);
        }
        drop(books);
        self.let_go.notify_one();
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("held", &self.shared.books().held.len()).finish()
    }
}

impl Relay {
    /// Starts the publishing and the sweeping actor on the current arbiter.
    pub fn start(
        store: Store,
        broker: Arc<dyn Broker>,
        clock: Clock,
        (metrics, tracer): (Metrics, Tracer),
        pair: Pair,
        vitals: &Vitals,
    ) -> Self {
        let lanes = broker.lanes();
        let shared = Arc::new(Shared {
            store,
            broker,
            clock,
            metrics,
            tracer,
            pair,
            books: Mutex::default(),
            let_go: Notify::new(),
        });
        let limits = Limits { admitted: MOST_HELD, batch: BATCH, lanes };
        let publishing = Gatherer::start(Publishing { shared: shared.clone() }, limits, vitals);
        let sweep = (shared.clone(), publishing.clone());
        let sweeping = Repeater::start("outbox-sweep", vitals, move || Sweeping {
            shared: sweep.0.clone(),
            publishing: sweep.1.clone(),
        });
        Self { publishing, sweeping, shared }
    }

    /// Seals a message that follows from work in this trace. Its making is a span, recorded when it is handed over.
    pub fn seal<P: Payload>(&self, payload: &P, now: Micros, trace: Option<TraceContext>) -> Letter {
        let span = trace.and_then(|trace| self.shared.tracer.start(Some(trace)));
        let trace = span.map_or(trace, |span| Some(span.context));
        Letter { span, ..Letter::seal(payload, now, self.shared.pair.ends(), trace) }
    }

    /// The lease to write with rows that will be handed over after the commit: some time if they can be published from memory,
    /// none if the broker is away, too much is held already, or earlier rows still wait for the sweep.
    pub fn lease(&self, now: Micros) -> Micros {
        let reachable = *self.shared.broker.reachable().borrow();
        let books = self.shared.books();
        let open = reachable && books.room() && books.left == books.swept;
        if open { now.plus(lease()) } else { Micros::EPOCH }
    }

    /// Hands over rows that were committed with this lease.
    pub fn hand_over(&self, letters: Vec<Letter>, lease: Micros) {
        spans::created(&self.shared.tracer, self.shared.broker.system(), &letters);
        if letters.is_empty() {
            return;
        }
        if lease == Micros::EPOCH {
            self.shared.books().left += 1;
            self.sweeping.nudge();
        } else {
            self.shared.books().held.extend(letters.iter().map(|letter| letter.id));
            self.publishing.add(letters);
        }
    }

    /// Whether both actors are there.
    pub fn alive(&self) -> bool {
        self.publishing.alive() && self.sweeping.alive()
    }

    /// Stops sweeping, and comes back when what is held has been published or given back.
    pub async fn drain(&self) {
        self.sweeping.stop().await;
        self.publishing.idle().await;
    }
}

/// The publishing actor's work.
struct Publishing {
    shared: Arc<Shared>,
}

impl Work for Publishing {
    type Item = Letter;
    const NAME: &'static str = "outbox-relay";

    fn run(&self, batch: Vec<Letter>) -> impl Future<Output = ()> + 'static {
        let shared = self.shared.clone();
        async move {
            // Held until the end of this scope, a panic included: then the lease runs out and the sweep takes the rows.
            let batch = Held { shared: &shared, letters: batch };
            relay_once(&shared, &batch.letters).await;
        }
    }
}

struct Held<'a> {
    shared: &'a Shared,
    letters: Vec<Letter>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.shared.let_go(&self.letters);
    }
}

/// Publishes the letters, deletes those that are confirmed and gives back those that did not reach the broker.
async fn relay_once(shared: &Shared, letters: &[Letter]) {
    let since = SystemTime::now();
    let mut answers = publish(shared, letters).await;
    // Broken: what was not confirmed is deleted all the same.
    if failpoints::broken("rule::confirm") {
        answers.fill(Ok(()));
    }
    spans::sent(&shared.tracer, shared.broker.system(), letters.iter().zip(&answers), since);
    let ids = |wanted: Result<(), PublishError>| {
        letters.iter().zip(&answers).filter(move |(_, answer)| **answer == wanted).map(|(letter, _)| letter.id)
    };
    let sent: Vec<_> = ids(Ok(())).collect();
    shared.metrics.published(sent.len(), letters.len() - sent.len());
    if let Some(error) = answers.iter().find_map(|answer| answer.err()) {
        tracing::warn!(%error, unconfirmed = letters.len() - sent.len(), "messages stay in the outbox");
    }
    // A row that is not deleted now is published again when its lease is over; the receiver's inbox knows it.
    if !sent.is_empty()
        && let Err(error) = outbox::delete(&shared.store, sent).await
    {
        tracing::warn!(%error, "confirmed outbox rows could not be deleted");
    }
    // What the broker refused keeps its lease: tried again when that is over, it cannot fill every sweep and starve the rows behind.
    let unreached: Vec<_> = ids(Err(PublishError::Unreachable)).collect();
    if !unreached.is_empty()
        && let Err(error) = outbox::release(&shared.store, unreached).await
    {
        tracing::warn!(%error, "unconfirmed outbox rows could not be released");
    }
}

async fn publish(shared: &Shared, letters: &[Letter]) -> Vec<Result<(), PublishError>> {
    failpoints::point!("relay::before-publish", return vec![Err(PublishError::Unreachable); letters.len()]);
    let answers = shared.broker.publish(letters).await;
    failpoints::point!("relay::after-publish", return vec![Err(PublishError::Unreachable); letters.len()]);
    answers
}

/// The sweep: finds rows whose lease is over and hands them to the publishing actor.
struct Sweeping {
    shared: Arc<Shared>,
    publishing: Handle<Publishing>,
}

#[async_trait(?Send)]
impl Step for Sweeping {
    async fn step(&mut self, stop: &CancellationToken) -> Pause {
        if !self.reachable(stop).await || !self.room(stop).await {
            return Pause::For(SWEEP_EVERY);
        }
        let left = self.shared.books().left;
        let more = self.sweep_once().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "sweeping the outbox failed");
            // Whatever stands in its way, it shall not stand in everybody's.
            false
        });
        if more {
            return Pause::None;
        }
        self.shared.books().swept = left;
        Pause::For(SWEEP_EVERY)
    }
}

impl Sweeping {
    /// Waits until the broker can be reached; the moment it can, the first sweep begins. `false` when stopped meanwhile.
    async fn reachable(&self, stop: &CancellationToken) -> bool {
        let mut reachable = self.shared.broker.reachable();
        tokio::select! {
            biased;
            () = stop.cancelled() => false,
            reachable = reachable.wait_for(|reachable| *reachable) => reachable.is_ok(),
        }
    }

    /// Waits until more can be held. `false` when stopped meanwhile.
    async fn room(&self, stop: &CancellationToken) -> bool {
        while !self.shared.books().room() {
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                () = self.shared.let_go.notified() => {}
            }
        }
        true
    }

    /// Hands over one step's worth of rows; says whether there may be more.
    async fn sweep_once(&self) -> Result<bool, sea_orm::DbErr> {
        // Broken: what outlived its sender stays.
        if failpoints::broken("rule::sweep") {
            return Ok(false);
        }
        let mut letters = outbox::claim(&self.shared.store, self.shared.clock.now(), lease(), SWEEP_STEP).await?;
        let more = letters.len() == usize::try_from(SWEEP_STEP).unwrap_or(usize::MAX);
        {
            let mut books = self.shared.books();
            letters.retain(|letter| books.held.insert(letter.id));
        }
        if !letters.is_empty() {
            tracing::info!(batch.size = letters.len(), "the sweep found outbox rows without a sender");
            self.publishing.add(letters);
        }
        Ok(more)
    }
}
