//! Self-clocking: the end of earlier orders says when the next ones are placed together. Each batch costs six stages a fixed price,
//! so an order that only would wait in a later stage gathers company before the first one instead (decision 16).
//! Absent: a timer as the clock. One bounds each wait for company, and is there for when nothing ends at all; then nobody waits.

use crate::pace::Pace;
use prometheus_client::{
    metrics::counter::Counter,
    registry::{Registry, Unit},
};
use saga::OrderId;
use std::{
    collections::{HashSet, VecDeque},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// A batch is worth its way if it is at least this part of what is under way: so there are about as many batches under way, at any rate.
const PART: usize = 2;
/// So many share the price of a way among them that more would save little (`docs/performance.md`).
const ENOUGH: usize = 32;
/// Nobody waits longer for company: those that end may be an outage's and say nothing of when there will be company. And where nothing has ended for so
/// long, nobody waits: payments or the broker may be away. A buyer takes it for instant.
const PATIENCE: Duration = Duration::from_millis(100);
/// An order that has been under way for that long waits for something else, and no longer counts.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// The orders that this instance has placed lately and that are not final yet, as far as it has heard. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    now: Mutex<Now>,
    ended: Notify,
    held_back: Counter,
    waited: Counter<f64, AtomicU64>,
}

#[derive(Debug, Default)]
struct Now {
    orders: HashSet<OrderId>,
    /// When they were placed, oldest first.
    placed: VecDeque<(Instant, Vec<OrderId>)>,
    /// Knows of those that have ended.
    pace: Pace,
    /// Since when drafts wait.
    waiting: Option<Instant>,
    /// Since when some of those that wait are held back by the pace.
    held_since: Option<Instant>,
    /// Until when it lets none of them through, if nothing ends.
    held_until: Option<Instant>,
}

impl UnderWay {
    /// Registers its metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let shared = Shared::default();
        let help = "Orders whose placing waited because too many were under way";
        registry.register("held_back", help, shared.held_back.clone());
        let help = "Time in which placing waited because too many orders were under way";
        registry.register_with_unit("held_back", help, Unit::Seconds, shared.waited.clone());
        Self(Arc::new(shared))
    }

    /// Takes note of orders that are placed.
    pub fn placed(&self, orders: Vec<OrderId>) {
        let (mut now, at) = (self.now(), Instant::now());
        now.forget(at);
        now.orders.extend(&orders);
        now.placed.push_back((at, orders));
    }

    /// Takes note of orders of this instance that are final, whether or not they still counted.
    pub fn ended(&self, orders: impl Iterator<Item = OrderId>) {
        let (mut now, mut number) = (self.now(), 0);
        for order in orders {
            now.orders.remove(&order);
            number += 1;
        }
        if number > 0 {
            now.pace.ended(number, Instant::now());
            drop(now);
            self.0.ended.notify_one();
        }
    }

    /// How many of so many drafts begin their way together now; the others wait, all of them if this is 0.
    pub fn worth(&self, drafts: usize) -> usize {
        let (mut now, at) = (self.now(), Instant::now());
        now.forget(at);
        now.waiting.get_or_insert(at);
        let under_way = now.orders.len();
        let room = now.room(drafts, at);
        if room == 0 {
            now.held_since.get_or_insert(at);
            return 0;
        }
        if drafts < ENOUGH.min(under_way.div_ceil(PART)) && now.patient_until() > Some(at) {
            return 0;
        }
        now.waiting = None;
        if let Some(since) = now.held_since.take() {
            self.0.held_back.inc_by(u64::try_from(drafts.min(room)).unwrap_or(u64::MAX));
            self.0.waited.inc_by(at.duration_since(since).as_secs_f64());
        }
        room
    }

    /// Comes back when one of them has ended, or nobody is to wait any longer. There is one who asks.
    pub fn news(&self) -> impl Future<Output = ()> + 'static {
        let shared = self.0.clone();
        async move {
            let until = Self(shared.clone()).now().news_by().unwrap_or_else(Instant::now);
            // Over is over, whichever it was.
            drop(timeout_at(until, shared.ended.notified()).await);
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub fn number(&self) -> usize {
        self.now().orders.len()
    }

    /// How many have ended lately.
    #[cfg(test)]
    pub fn ends(&self) -> usize {
        self.now().pace.number()
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn forget(&mut self, at: Instant) {
        while let Some((_, old)) = self.placed.pop_front_if(|(placed, _)| at.duration_since(*placed) >= FORGOTTEN) {
            for order in old {
                self.orders.remove(&order);
            }
        }
    }

    /// How many the pace lets through. All that wait go together, or a crowd in halves of what may be under way: each small piece would
    /// pay the price of a way. They go when there is room for half of them, so what is under way stays about what it may be.
    fn room(&mut self, drafts: usize, at: Instant) -> usize {
        let Some((most, until)) = self.pace.bound(at) else {
            self.held_until = None;
            return usize::MAX;
        };
        let (room, together) = (most.saturating_sub(self.orders.len()), drafts.min(most / 2));
        if room >= together.div_ceil(2) {
            self.held_until = None;
            return room.max(together);
        }
        let forgotten = self.placed.front().map(|(placed, _)| *placed + FORGOTTEN);
        self.held_until = Some(forgotten.map_or(until, |forgotten| forgotten.min(until)));
        0
    }

    /// When to ask again if nothing ends before; `None` when nobody is to wait.
    fn news_by(&self) -> Option<Instant> {
        self.held_until.or_else(|| self.patient_until())
    }

    /// `None` when nobody is to wait.
    fn patient_until(&self) -> Option<Instant> {
        let (ended, waiting) = (self.pace.last()?, self.waiting);
        Some(waiting.map_or(ended, |waiting| waiting.min(ended)) + PATIENCE)
    }
}

#[cfg(test)]
mod tests;
