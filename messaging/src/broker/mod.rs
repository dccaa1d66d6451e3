//! What a broker must do, whichever it is: take a batch and say for each message whether it is safe; hand out each message at least
//! once until it is settled. Absent: order, and once-only; outbox and inbox make that out of this.

#[cfg(feature = "kafka")]
pub mod kafka;
pub mod memory;
pub mod rabbitmq;

use crate::{Announcement, Letter};
use async_trait::async_trait;
use std::{fmt, sync::Arc};
use supervision::Vitals;
use tokio::sync::watch;

/// A queue of the contract: its name and what is routed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Queue {
    /// Such as `payments.requests`.
    pub name: &'static str,
    /// The routing keys bound to it.
    pub routing_keys: &'static [&'static str],
}

/// What orders asks of payments.
pub const PAYMENTS_REQUESTS: Queue =
    Queue { name: "payments.requests", routing_keys: &["payment.requested", "payment.cancel-requested"] };
/// What payments answers.
pub const ORDERS_PAYMENT_RESULTS: Queue = Queue {
    name: "orders.payment-results",
    routing_keys: &["payment.succeeded", "payment.declined", "payment.cancelled"],
};
/// All queues: whoever starts first declares them all, so that a message published before its consumer ever existed is not lost.
pub const QUEUES: [Queue; 2] = [PAYMENTS_REQUESTS, ORDERS_PAYMENT_RESULTS];

/// Why a message is not known to be safe. It may have arrived all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no connection, or it broke before the confirm.
    #[error("the broker cannot be reached")]
    Unreachable,
    /// The broker said no.
    #[error("the broker refused the message")]
    Refused,
    /// No queue is bound for it.
    #[error("no queue takes the message")]
    Unroutable,
}

/// A message broker.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Publishes a batch and waits until the broker has answered for every message, in the order of the batch.
    async fn publish(&self, batch: &[Letter]) -> Vec<Result<(), PublishError>>;

    /// Its name in traces, as OpenTelemetry's `messaging.system` has it.
    fn system(&self) -> &'static str;

    /// Batches that may usefully be on their way at once.
    fn lanes(&self) -> usize;

    /// Whether a message published now could be confirmed; changes wake whoever watches.
    fn reachable(&self) -> watch::Receiver<bool>;

    /// Starts to consume. The subscription outlives lost connections; at most `prefetch` deliveries are unsettled at once. Where the broker
    /// can choose (RabbitMQ; Kafka deals out partitions), a message goes to whoever has been there longest and has room (decision 17).
    fn subscribe(&self, queue: Queue, prefetch: u16) -> Box<dyn Subscription>;

    /// Says something to whoever listens now. Nobody confirms it; when the broker is away it is lost.
    async fn announce(&self, announcement: Announcement);

    /// Whether an announcement made now could be heard; changes wake whoever watches.
    fn audible(&self) -> watch::Receiver<bool> {
        self.reachable()
    }

    /// Listens to announcements from now on, one's own included.
    fn listen(&self) -> Box<dyn Listener>;

    /// Whether [`Settlement::Dead`] puts a message where an operator finds it. If not, the consumer parks it in its database.
    fn keeps_dead_letters(&self) -> bool;

    /// Where to count the panics of its own tasks, once somebody counts. One that has no tasks has nothing to count.
    fn count_with(&self, _vitals: &Vitals) {}

    /// Ends all connections. What is unsettled will be delivered again to somebody.
    async fn close(&self);
}

/// A consumer's end of a queue. Dropping it hands back what it had not passed on.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for deliveries and returns those that are there, at least one; `None` at the end: the broker is closed, or its own work for
    /// this subscription panicked and begins anew with the next. Whoever gives up waiting and asks again misses nothing.
    async fn next(&mut self) -> Option<Vec<Delivery>>;
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An announcement, byte for byte.
    Message(Vec<u8>),
    /// From now on, and perhaps for a while already, nothing is heard.
    Lost,
    /// From now on everything is heard again. Comes first, too.
    Back,
}

/// An ear for announcements.
#[async_trait]
pub trait Listener: Send {
    /// Waits for the next thing heard; `None` once the broker is closed.
    async fn next(&mut self) -> Option<Heard>;
}

/// A message handed out.
#[derive(Debug)]
pub struct Delivery {
    /// The message, byte for byte; whatever somebody published.
    pub body: Vec<u8>,
    /// Whether it may have been handed out before.
    pub redelivered: bool,
    /// To say what became of it.
    pub receipt: Receipt,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It was handled and its effects are durable, or it is safe elsewhere.
    Done,
    /// It goes back to the queue.
    Return,
    /// It can never be handled.
    Dead(Box<DeadLetter>),
}

/// A message that can never be handled, with what an operator needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message's id, or one made for it when it has none that can be read.
    pub id: String,
    /// Why.
    pub reason: String,
    /// The message, byte for byte.
    pub body: Vec<u8>,
}

/// What an operator wants done with a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It goes back to its queue.
    Replay,
    /// It is deleted.
    Discard,
}

/// Where settlements go.
pub trait Settle: Send + Sync {
    /// Takes note of what became of the delivery with this tag. A tag that is not under way any more does nothing.
    fn settle(&self, tag: u64, settlement: Settlement);
}

/// The duty to settle one delivery. Dropped unsettled, as a panic does it, the message goes back.
pub struct Receipt {
    tag: u64,
    to: Option<Arc<dyn Settle>>,
}

impl Receipt {
    /// For the delivery with this tag, which only `to` understands.
    pub fn new(tag: u64, to: Arc<dyn Settle>) -> Self {
        Self { tag, to: Some(to) }
    }

    /// Only where a test breaks a rule: says that the delivery was handled, and leaves a receipt that says nothing any more.
    pub(crate) fn acknowledged(self) -> Self {
        let tag = self.tag;
        self.settle(Settlement::Done);
        Self { tag, to: None }
    }

    /// Says what became of the delivery.
    pub fn settle(mut self, settlement: Settlement) {
        if let Some(to) = self.to.take() {
            to.settle(self.tag, settlement);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(to) = self.to.take() {
            // Broken: what was given out and never settled counts as handled.
            let kept = !failpoints::broken("rule::redelivery");
            to.settle(self.tag, if kept { Settlement::Return } else { Settlement::Done });
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({})", self.tag)
    }
}
