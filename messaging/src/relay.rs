//! The relay: publishes outbox rows and deletes what the broker has confirmed. Straight from memory after the commit when it can;
//! the sweep takes the rows that outlived their sender. Absent: order, and anything that depends on the memory.

use crate::{
    Letter, Metrics,
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
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a row is its sender's. Longer than the broker may stay silent (10 s): one that stalls is given up, and its rows released,
/// before another instance takes them. A batch that moves, but for longer than this, may be published twice; inboxes know that.
const LEASE: Duration = Duration::from_secs(15);
/// Letters held in memory; beyond that rows are written without a lease and wait for the sweep. About 20 MB at worst.
const MOST_HELD: usize = 20_000;
/// Letters published in one go: large enough that the confirm's round trip is shared, small enough that the next batch waits little.
const BATCH: usize = 1_000;
/// Rows taken by one sweep step.
const SWEEP_STEP: u32 = 500;
/// How often the sweep looks when nobody nudges it. One index look-up; it finds rows of crashed instances.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

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
    /// Ids held in memory. A sweep passes them by: with a slow consumer behind the in-process broker a lease may run out.
    held: Mutex<HashSet<Uuid>>,
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self) -> bool {
        self.held().len() < MOST_HELD
    }

    fn let_go(&self, letters: &[Letter]) {
        let mut held = self.held();
        for letter in letters {
            held.remove(&letter.id);
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("held", &self.shared.held().len()).finish()
    }
}

impl Relay {
    /// Starts the publishing and the sweeping actor on the current arbiter.
    pub fn start(
        store: Store,
        broker: Arc<dyn Broker>,
        clock: Clock,
        metrics: Metrics,
        tracer: Tracer,
        vitals: &Vitals,
    ) -> Self {
        let lanes = broker.lanes();
        let shared = Arc::new(Shared { store, broker, clock, metrics, tracer, held: Mutex::default() });
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
        Letter { span, ..Letter::seal(payload, now, span.map_or(trace, |span| Some(span.context))) }
    }

    /// The lease to write with rows that will be handed over after the commit: some time if they can be published from memory,
    /// none if the broker is away or too much is held already.
    pub fn lease(&self, now: Micros) -> Micros {
        let open = *self.shared.broker.reachable().borrow() && self.shared.room();
        if open { now.plus(LEASE) } else { Micros::EPOCH }
    }

    /// Hands over rows that were committed with this lease.
    pub fn hand_over(&self, letters: Vec<Letter>, lease: Micros) {
        spans::created(&self.shared.tracer, self.shared.broker.system(), &letters);
        if lease != Micros::EPOCH && !letters.is_empty() {
            self.shared.held().extend(letters.iter().map(|letter| letter.id));
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
    fail::fail_point!("relay::before-publish");
    let since = SystemTime::now();
    let answers = shared.broker.publish(letters).await;
    spans::sent(&shared.tracer, shared.broker.system(), letters.iter().zip(&answers), since);
    fail::fail_point!("relay::after-publish");
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
    fail::fail_point!("relay::after-delete");
    // What the broker refused keeps its lease: tried again when that is over, it cannot fill every sweep and starve the rows behind.
    let unreached: Vec<_> = ids(Err(PublishError::Unreachable)).collect();
    if !unreached.is_empty()
        && let Err(error) = outbox::release(&shared.store, unreached).await
    {
        tracing::warn!(%error, "unconfirmed outbox rows could not be released");
    }
}

/// The sweep: finds rows whose lease is over and hands them to the publishing actor.
struct Sweeping {
    shared: Arc<Shared>,
    publishing: Handle<Publishing>,
}

#[async_trait(?Send)]
impl Step for Sweeping {
    async fn step(&mut self, stop: &CancellationToken) -> Pause {
        if !self.reachable(stop).await || !self.shared.room() {
            return Pause::For(SWEEP_EVERY);
        }
        match self.sweep_once().await {
            Ok(more) if more => Pause::None,
            Ok(_) => Pause::For(SWEEP_EVERY),
            Err(error) => {
                tracing::warn!(%error, "sweeping the outbox failed");
                Pause::For(SWEEP_EVERY)
            }
        }
    }
}

impl Sweeping {
    /// Waits until the broker can be reached; the moment it can, the first sweep begins. `false` when stopped meanwhile.
    async fn reachable(&self, stop: &CancellationToken) -> bool {
        let mut reachable = self.shared.broker.reachable();
        tokio::select! {
            () = stop.cancelled() => false,
            reachable = reachable.wait_for(|reachable| *reachable) => reachable.is_ok(),
        }
    }

    /// Hands over one step's worth of rows; says whether there may be more.
    async fn sweep_once(&self) -> Result<bool, sea_orm::DbErr> {
        let mut letters = outbox::claim(&self.shared.store, self.shared.clock.now(), LEASE, SWEEP_STEP).await?;
        let more = letters.len() == usize::try_from(SWEEP_STEP).unwrap_or(usize::MAX);
        {
            let mut held = self.shared.held();
            letters.retain(|letter| held.insert(letter.id));
        }
        if !letters.is_empty() {
            tracing::info!(batch.size = letters.len(), "the sweep found outbox rows without a sender");
            self.publishing.add(letters);
        }
        Ok(more)
    }
}
