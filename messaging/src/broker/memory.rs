//! The in-process broker: queues in memory, for the embedded shop and for tests.
//! Absent: durability. A publish is answered only when the consumer has settled the message, so the outbox row outlives a crash.

use super::{
    Broker, Delivery, Heard, Listener, PublishError, QUEUES, Queue, Receipt, Settle, Settlement, Subscription,
};
use crate::{Announcement, Letter};
use async_trait::async_trait;
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, broadcast, oneshot, watch};

/// A publish waits for the consumer here, so many batches must be on their way for the next one not to wait as well.
const LANES: usize = 32;
/// Deliveries handed out in one go; a bound on the consumer's memory, far above what one commit takes.
const MOST_AT_ONCE: usize = 1024;

/// Announcements that a listener may be behind; one that is further behind has missed some.
const MOST_UNHEARD: usize = 1024;

/// The in-process broker. A cheap clone.
#[derive(Clone)]
pub struct MemoryBroker {
    queues: Arc<HashMap<&'static str, Arc<MemoryQueue>>>,
    reachable: Arc<watch::Sender<bool>>,
    announcements: broadcast::Sender<Arc<str>>,
}

struct MemoryQueue {
    queue: Queue,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Parcel>,
    handed_out: HashMap<u64, Parcel>,
    next_tag: u64,
    closed: bool,
}

struct Parcel {
    body: Vec<u8>,
    redelivered: bool,
    confirm: oneshot::Sender<()>,
}

impl MemoryBroker {
    /// A broker with the queues of the contract, empty.
    pub fn new() -> Self {
        let queues = QUEUES.map(|queue| {
            (queue.name, Arc::new(MemoryQueue { queue, state: Mutex::default(), changed: Notify::new() }))
        });
        Self {
            queues: Arc::new(HashMap::from(queues)),
            reachable: Arc::new(watch::Sender::new(true)),
            announcements: broadcast::Sender::new(MOST_UNHEARD),
        }
    }

    fn offer(&self, letter: &Letter) -> Result<oneshot::Receiver<()>, PublishError> {
        let routed = |queue: &&Arc<MemoryQueue>| queue.queue.routing_keys.contains(&letter.routing_key.as_str());
        let queue = self.queues.values().find(routed).ok_or(PublishError::Unroutable)?;
        let (confirm, confirmed) = oneshot::channel();
        queue.push(Parcel { body: letter.body.clone().into_bytes(), redelivered: false, confirm })?;
        Ok(confirmed)
    }
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryBroker")
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn publish(&self, batch: &[Letter]) -> Vec<Result<(), PublishError>> {
        let offered: Vec<_> = batch.iter().map(|letter| self.offer(letter)).collect();
        let mut answers = Vec::with_capacity(offered.len());
        for offer in offered {
            answers.push(match offer {
                Ok(confirmed) => confirmed.await.map_err(|_| PublishError::Unreachable),
                Err(error) => Err(error),
            });
        }
        answers
    }

    fn system(&self) -> &'static str {
        "in_process"
    }

    fn lanes(&self) -> usize {
        LANES
    }

    fn reachable(&self) -> watch::Receiver<bool> {
        self.reachable.subscribe()
    }

    fn subscribe(&self, queue: Queue, prefetch: u16) -> Box<dyn Subscription> {
        let queue = self.queues.get(queue.name).expect("a queue of the contract").clone();
        Box::new(MemorySubscription {
            queue: queue.clone(),
            consumer: Arc::new(Consumer { queue, unsettled: Mutex::new(0), prefetch }),
        })
    }

    async fn announce(&self, announcement: Announcement) {
        // An error says that nobody listens.
        drop(self.announcements.send(announcement.body.into()));
    }

    fn listen(&self) -> Box<dyn Listener> {
        let closed = self.reachable.subscribe();
        Box::new(MemoryListener { heard: self.announcements.subscribe(), closed, said: VecDeque::from([Heard::Back]) })
    }

    fn keeps_dead_letters(&self) -> bool {
        false
    }

    async fn close(&self) {
        self.reachable.send_replace(false);
        for queue in self.queues.values() {
            let mut state = queue.lock();
            state.closed = true;
            // Dropping the parcels answers their publishers: not confirmed.
            state.waiting.clear();
            state.handed_out.clear();
            queue.changed.notify_waiters();
        }
    }
}

impl MemoryQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a single call on a collection; a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, parcel: Parcel) -> Result<(), PublishError> {
        let mut state = self.lock();
        if state.closed {
            return Err(PublishError::Unreachable);
        }
        state.waiting.push_back(parcel);
        self.changed.notify_waiters();
        Ok(())
    }
}

/// One subscription's share of the queue, kept alive by its receipts.
struct Consumer {
    queue: Arc<MemoryQueue>,
    unsettled: Mutex<usize>,
    prefetch: u16,
}

impl Consumer {
    fn unsettled(&self) -> MutexGuard<'_, usize> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` once the broker is closed, empty when nothing is there or the prefetch is used up.
    fn take(self: &Arc<Self>) -> Option<Vec<Delivery>> {
        let mut unsettled = self.unsettled();
        let mut state = self.queue.lock();
        if state.closed {
            return None;
        }
        let room = usize::from(self.prefetch).saturating_sub(*unsettled).min(MOST_AT_ONCE).min(state.waiting.len());
        *unsettled += room;
        let taken: Vec<_> = state.waiting.drain(..room).collect();
        Some(taken.into_iter().map(|parcel| self.hand_out(&mut state, parcel)).collect())
    }

    fn hand_out(self: &Arc<Self>, state: &mut State, parcel: Parcel) -> Delivery {
        let tag = state.next_tag;
        state.next_tag += 1;
        let receipt = Receipt::new(tag, self.clone());
        let delivery = Delivery { body: parcel.body.clone(), redelivered: parcel.redelivered, receipt };
        state.handed_out.insert(tag, parcel);
        delivery
    }
}

impl Settle for Consumer {
    fn settle(&self, tag: u64, settlement: Settlement) {
        *self.unsettled() -= 1;
        let mut state = self.queue.lock();
        if let Some(parcel) = state.handed_out.remove(&tag) {
            match settlement {
                // The publisher may have given up waiting; its row will come again.
                Settlement::Done | Settlement::Dead(_) => drop(parcel.confirm.send(())),
                Settlement::Return => state.waiting.push_front(Parcel { redelivered: true, ..parcel }),
            }
        }
        self.queue.changed.notify_waiters();
    }
}

struct MemorySubscription {
    queue: Arc<MemoryQueue>,
    consumer: Arc<Consumer>,
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn next(&mut self) -> Option<Vec<Delivery>> {
        loop {
            // Listen before looking, so that a change between the two is not missed.
            let changed = self.queue.changed.notified();
            match self.consumer.take() {
                Some(deliveries) if deliveries.is_empty() => changed.await,
                answer => return answer,
            }
        }
    }
}

struct MemoryListener {
    heard: broadcast::Receiver<Arc<str>>,
    closed: watch::Receiver<bool>,
    /// What is to be said before the next announcement.
    said: VecDeque<Heard>,
}

#[async_trait]
impl Listener for MemoryListener {
    async fn next(&mut self) -> Option<Heard> {
        if let Some(said) = self.said.pop_front() {
            return Some(said);
        }
        let heard = tokio::select! {
            _ = self.closed.wait_for(|reachable| !reachable) => return None,
            heard = self.heard.recv() => heard,
        };
        match heard {
            Ok(body) => Some(Heard::Message(body.as_bytes().to_vec())),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                self.said.push_back(Heard::Back);
                Some(Heard::Lost)
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
