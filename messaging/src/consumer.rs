//! The inbox consumer: takes messages from a queue, hands each to the service, settles it by what came of it.
//! Absent: the inbox key (the service writes it in its own transaction) and the meaning of a message.
//!
//! | what came of it | what happens |
//! | --- | --- |
//! | handled | acknowledged |
//! | database away, overload | tried again here, with growing jittered delay, for as long as it takes |
//! | interrupted by a panic | tried once more; then like any other failure |
//! | another shop's | parked undecided |
//! | of a pair that this database has no part in, while it has no partner | left at the broker, and nothing more is taken |
//! | another failure | put aside durably, retried with growing delay, parked after [`parking::MAX_ATTEMPTS`] |
//! | poison | dead-lettered with the reason |

use crate::{
    Event, Metrics, Pair, Poison, Whose,
    broker::{Broker, DeadLetter, Delivery, Queue, Settlement},
    parking::{self, Parked, State},
    spans,
};
use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use store::{Clock, Store, chance};
use supervision::{Pause, Repeater, RepeaterHandle, Step, Vitals};
use telemetry::Tracer;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Deliveries under way at once: what one commit may take while the next gathers, a bound on memory (4 KiB a message), and on RabbitMQ
/// what the instance that has been there longest holds before the next one helps (decision 17).
pub const PREFETCH: u16 = 512;
/// The first wait when the database is away; each failure doubles it, with jitter.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest of these waits: this long after the database is back everything moves again.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How long a stopping consumer waits for what is under way; the rest is delivered again to somebody else.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Rest before subscribing again after the broker closed the subscription.
const RESUBSCRIBE_PAUSE: Duration = Duration::from_millis(200);
/// How often retries that are due are looked for.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// Retries taken in one step, handled one by one: a message that fails alone cannot take others with it.
const RETRY_STEP: u32 = 50;

/// Why a message was not handled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// It never will be.
    #[error(transparent)]
    Poison(#[from] Poison),
    /// The database is away, or too much is under way; not the message's fault.
    #[error("not now")]
    Unavailable,
    /// It is not for us.
    #[error("another shop: {0}")]
    Stranger(String),
    /// This database is not the one that messages are meant for.
    #[error("not here: {0}")]
    Misplaced(String),
    /// The work panicked or was stopped.
    #[error("handling was interrupted")]
    Interrupted,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// What a service does with messages. Handling the same one again must do no harm.
#[async_trait]
pub trait Handle: Send + Sync + 'static {
    /// Handles one message; comes back when its effects are durable.
    async fn handle(&self, event: &Event) -> Result<(), HandleError>;
}

/// When a database takes the sender of an event for its partner, while it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Before it decides the first event: what is decided is decided for the partner.
    BeforeDeciding,
    /// After it has handled an event, which is an answer to something of its own.
    AfterAnswer,
}

/// One queue's consumer with everything it needs. A cheap clone.
#[derive(Clone)]
pub struct Consumer {
    /// Where messages come from.
    pub broker: Arc<dyn Broker>,
    /// The queue.
    pub queue: Queue,
    /// Who handles them.
    pub handle: Arc<dyn Handle>,
    /// Where messages are set aside.
    pub store: Store,
    /// Whose messages are handled.
    pub pair: Pair,
    /// When the partner is learned.
    pub pairing: Pairing,
    /// The time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
    /// Where each handling is recorded.
    pub tracer: Tracer,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consumer({})", self.queue.name)
    }
}

/// The two actors of a consumer: one takes messages from the queue, one retries what was set aside.
#[derive(Clone, Debug)]
pub struct ConsumerHandle {
    consuming: RepeaterHandle,
    retrying: RepeaterHandle,
}

impl ConsumerHandle {
    /// Whether both actors are there.
    pub fn alive(&self) -> bool {
        self.consuming.alive() && self.retrying.alive()
    }

    /// Takes no more messages, lets those under way end, and comes back.
    pub async fn stop(&self) {
        tokio::join!(self.consuming.stop(), self.retrying.stop());
    }
}

impl Consumer {
    /// Starts both actors on the current arbiter.
    pub fn start(self, vitals: &Vitals) -> ConsumerHandle {
        let retry = self.clone();
        ConsumerHandle {
            consuming: Repeater::start("inbox-consumer", vitals, move || Consuming(self.clone())),
            retrying: Repeater::start("inbox-retry", vitals, move || Retrying(retry.clone())),
        }
    }

    /// One delivery, from the first look to its settlement.
    async fn receive(&self, delivery: Delivery) {
        let _in_hand = self.metrics.received();
        let Delivery { body, redelivered, mut receipt } = delivery;
        // Broken: the broker may forget it before its effects are durable.
        if failpoints::broken("rule::acknowledge-after-commit") {
            receipt = receipt.acknowledged();
        }
        let handled = self.attempt(&body, redelivered).await;
        let settlement = match handled {
            Ok(()) => {
                self.metrics.consumed("handled");
                Settlement::Done
            }
            Err(HandleError::Poison(poison)) => self.dead(body, &poison).await,
            Err(HandleError::Misplaced(why)) => return self.pair.misplaced(why),
            Err(HandleError::Stranger(why)) => {
                self.pair.met_a_stranger(self.queue.name, &why);
                self.metrics.consumed("another-shop");
                self.set_aside(&body, State::Parked, &HandleError::Stranger(why).to_string()).await
            }
            Err(error) => self.set_aside(&body, State::Retrying, &error.to_string()).await,
        };
        failpoints::point!("consumer::before-acknowledge", return);
        receipt.settle(settlement);
        failpoints::point!("consumer::after-acknowledge", {});
    }

    /// Handles a delivery as far as that goes.
    async fn attempt(&self, body: &[u8], redelivered: bool) -> Result<(), HandleError> {
        failpoints::point!("consumer::before-handle", return planted());
        let handled = match Event::parse(body) {
            // The first panic over a message restarts the actor; the next, which may be this message's own fault, is only its own.
            Ok(event) if redelivered => self.traced(event, async |event| caught(self.persist(event)).await).await,
            Ok(event) => self.traced(event, async |event| self.persist(event).await).await,
            Err(poison) => Err(poison.into()),
        };
        failpoints::point!("consumer::after-handle", return planted());
        handled
    }

    /// Handles it within a span: what belongs to the handling is recorded below that, not beside it.
    async fn traced(
        &self,
        mut event: Event,
        handling: impl AsyncFnOnce(&Event) -> Result<(), HandleError>,
    ) -> Result<(), HandleError> {
        let span = self.tracer.start(event.trace);
        event.trace = span.map_or(event.trace, |span| Some(span.context));
        let handled = handling(&event).await;
        if let Some(span) = span {
            self.tracer.end(span, spans::processed(self.broker.system(), self.queue, &event, &handled));
        }
        handled
    }

    /// Handles it, waiting out what is not the message's fault.
    async fn persist(&self, event: &Event) -> Result<(), HandleError> {
        let mut failures = 0;
        let mut interrupted = false;
        loop {
            match self.handle_ours(event).await {
                Err(HandleError::Unavailable) => {
                    sleep(wait(failures)).await;
                    failures = failures.saturating_add(1);
                }
                Err(HandleError::Interrupted) if !interrupted => interrupted = true,
                result => return result,
            }
        }
    }

    /// Handles it if it is our pair's.
    async fn handle_ours(&self, event: &Event) -> Result<(), HandleError> {
        match (self.pair.whose(event), self.pairing) {
            (Whose::Ours, _) => self.handle.handle(event).await,
            (Whose::Another(why), _) => Err(HandleError::Stranger(why)),
            (Whose::Elsewhere(why), _) => Err(HandleError::Misplaced(why)),
            (Whose::Newcomer(partner), Pairing::BeforeDeciding) => {
                if !self.learn(partner).await? {
                    return Err(HandleError::Stranger(format!(
                        "it is from the database {partner}, and another was first"
                    )));
                }
                self.handle.handle(event).await
            }
            (Whose::Newcomer(partner), Pairing::AfterAnswer) => {
                self.handle.handle(event).await?;
                self.learn(partner).await.map(drop)
            }
        }
    }

    async fn learn(&self, partner: Uuid) -> Result<bool, HandleError> {
        self.pair.learn(&self.store, partner).await.map_err(|error| {
            tracing::debug!(%error, "the partner cannot be written down");
            HandleError::Unavailable
        })
    }

    async fn dead(&self, body: Vec<u8>, poison: &Poison) -> Settlement {
        let reason = poison.to_string();
        tracing::warn!(queue = self.queue.name, reason, "a message can never be handled");
        self.metrics.consumed("dead");
        if self.broker.keeps_dead_letters() {
            let id = message_id(&body).unwrap_or_else(|| chance::id().to_string());
            return Settlement::Dead(Box::new(DeadLetter { id, reason, body }));
        }
        self.set_aside(&body, State::Dead, &reason).await
    }

    /// Saves the message in the database, for as long as it takes; only then the broker may forget it.
    async fn set_aside(&self, body: &[u8], state: State, error: &str) -> Settlement {
        if state == State::Retrying {
            tracing::error!(
                queue = self.queue.name,
                message.id = message_id(body),
                error,
                "handling a message failed; it will be retried"
            );
            self.metrics.consumed("failed");
        }
        let mut failures = 0;
        while let Err(why) =
            parking::save(&self.store, self.queue.name, message_id(body), body, state, error, self.clock.now()).await
        {
            tracing::warn!(error = %why, "a failed message could not be set aside yet");
            sleep(wait(failures)).await;
            failures = failures.saturating_add(1);
        }
        Settlement::Done
    }

    /// One retry of a message that was set aside.
    async fn retry(&self, message: &Parked) -> Result<(), sea_orm::DbErr> {
        let handled = match Event::parse(&message.body) {
            Ok(event) => self.traced(event, async |event| caught(self.handle_ours(event)).await).await,
            Err(poison) => Err(poison.into()),
        };
        match handled {
            Ok(()) => {
                self.metrics.consumed("recovered");
                parking::discard(&self.store, message.id).await.map(drop)
            }
            // Its lease runs out and it comes again.
            Err(HandleError::Unavailable | HandleError::Misplaced(_)) => Ok(()),
            Err(HandleError::Stranger(why)) => {
                self.pair.met_a_stranger(self.queue.name, &why);
                let error = HandleError::Stranger(why).to_string();
                parking::park(&self.store, message, &error, self.clock.now()).await
            }
            Err(error) => {
                let state = parking::failed_again(&self.store, message, &error.to_string(), self.clock.now()).await?;
                tracing::error!(queue = self.queue.name, message.id = message.message_id, %error, ?state, "a retry failed");
                self.metrics.consumed("failed");
                Ok(())
            }
        }
    }
}

/// What a test plants where a message is handled.
#[cfg(feature = "failpoints")]
fn planted() -> Result<(), HandleError> {
    Err(HandleError::Failed("planted by a test".to_owned()))
}

/// A message that panics whenever it is handled must not keep restarting the actor, with everybody else's messages under way.
async fn caught(handling: impl Future<Output = Result<(), HandleError>>) -> Result<(), HandleError> {
    AssertUnwindSafe(handling).catch_unwind().await.unwrap_or(Err(HandleError::Interrupted))
}

/// The id as far as the message lets itself be read.
fn message_id(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    value
        .get("id")?
        .as_str()
        .filter(|id| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(str::to_owned)
}

fn wait(failures: u32) -> Duration {
    chance::jittered(FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_WAIT))
}

struct Consuming(Consumer);

#[async_trait(?Send)]
impl Step for Consuming {
    /// Consumes until stopped, or until the broker is closed. Whoever may not use the database takes nothing from the broker: it is
    /// there for those who may.
    async fn step(&mut self, stop: &CancellationToken) -> Pause {
        let door = self.0.store.door().clone();
        tokio::select! {
            () = stop.cancelled() => return Pause::None,
            () = async { tokio::join!(door.opened(), self.0.pair.is_misplaced(false)); } => {}
        }
        let forbidden = async {
            tokio::select! { () = door.closed() => {}, () = self.0.pair.is_misplaced(true) => {} }
        };
        tokio::pin!(forbidden);
        let mut subscription = self.0.broker.subscribe(self.0.queue, PREFETCH);
        let mut under_way = FuturesUnordered::new();
        loop {
            // In this order, which bounds what is under way soonest.
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = &mut forbidden => break,
                Some(()) = under_way.next() => {}
                // The bound holds across connections too: the broker delivers anew what is still under way from a lost one.
                deliveries = subscription.next(), if under_way.len() < usize::from(PREFETCH) => match deliveries {
                    Some(deliveries) => under_way.extend(deliveries.into_iter().map(|delivery| self.0.receive(delivery))),
                    None => break,
                },
            }
        }
        drop(subscription);
        drop(timeout(DRAIN_TIMEOUT, under_way.collect::<()>()).await);
        Pause::For(RESUBSCRIBE_PAUSE)
    }
}

struct Retrying(Consumer);

#[async_trait(?Send)]
impl Step for Retrying {
    async fn step(&mut self, stop: &CancellationToken) -> Pause {
        let Consumer { store, queue, clock, .. } = &self.0;
        let due = match parking::due(store, queue.name, clock.now(), RETRY_STEP).await {
            Ok(due) => due,
            Err(error) => {
                tracing::debug!(%error, "retries could not be looked for");
                return Pause::For(RETRY_EVERY);
            }
        };
        for message in &due {
            if stop.is_cancelled() {
                break;
            }
            if let Err(error) = self.0.retry(message).await {
                tracing::warn!(%error, "the outcome of a retry could not be recorded");
            }
        }
        if due.is_empty() { Pause::For(RETRY_EVERY) } else { Pause::None }
    }
}
