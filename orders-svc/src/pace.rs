//! Admission by settlement: while orders are settled late, as many are placed as are settled. So what is under way stays what half a
//! second of settling takes, however long the load lasts and however fast orders could be written down.
//! Absent: a bound while nothing is settled at all. Then payments or the broker is away, orders wait in the outbox and are welcome.

use prometheus_client::{
    metrics::counter::Counter,
    registry::{Registry, Unit},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// An order that became final later than that has waited in a queue: under half load it takes about a tenth of a second
/// (`docs/performance.md`). And a buyer still takes it for soon.
const LATE: Duration = Duration::from_millis(500);
/// Fewer say nothing about the queue: a message that was set aside is late for reasons of its own.
const TELLING: usize = 16;
/// What was heard that long ago holds nobody back.
const FORGOTTEN: Duration = Duration::from_secs(1);
/// The most that may be placed on the strength of what was settled before.
const MOST_AHEAD: usize = 1_000;

/// What settling tells placing. A cheap clone.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    forgotten: Duration,
    now: Mutex<Now>,
    settled: Notify,
    held_back: Counter,
    waited: Counter<f64, AtomicU64>,
}

#[derive(Debug, Default)]
struct Now {
    /// Set while settling is late.
    held_until: Option<Instant>,
    /// Orders settled since, and not yet made up for by new ones.
    credit: usize,
}

impl Pace {
    /// Registers its metric.
    pub fn new(registry: &mut Registry) -> Self {
        Self::forgetting_after(FORGOTTEN, registry)
    }

    fn forgetting_after(forgotten: Duration, registry: &mut Registry) -> Self {
        let held_back = Counter::default();
        let help = "Orders whose placing waited because orders were settled late";
        registry.register("held_back", help, held_back.clone());
        let (waited, help) = (Counter::default(), "Time in which placing waited because orders were settled late");
        registry.register_with_unit("held_back", help, Unit::Seconds, waited.clone());
        Self(Arc::new(Shared { forgotten, now: Mutex::default(), settled: Notify::new(), held_back, waited }))
    }

    /// Takes note of orders that became final together, each so long after it was placed.
    pub fn settled(&self, after: impl ExactSizeIterator<Item = Duration>) {
        let number = after.len();
        let late = after.min().is_some_and(|youngest| youngest > LATE);
        let mut now = self.now();
        if number >= TELLING {
            now.held_until = late.then(|| Instant::now() + self.0.forgotten);
        }
        now.credit = if now.held_until.is_some() { (now.credit + number).min(MOST_AHEAD) } else { 0 };
        drop(now);
        self.0.settled.notify_one();
    }

    /// Comes back when so many may be placed: at once, unless settling is late. There is one who asks.
    pub async fn keep(&self, number: usize) {
        if self.hold(number.min(MOST_AHEAD)).is_none() {
            return;
        }
        self.0.held_back.inc_by(u64::try_from(number).unwrap_or(u64::MAX));
        let _waits = Waits(&self.0.waited, Instant::now());
        while let Some(until) = self.hold(number.min(MOST_AHEAD)) {
            // Over is over, whichever it was.
            drop(timeout_at(until, self.0.settled.notified()).await);
        }
    }

    /// Until when to wait for more to be settled; `None` when there is nothing to wait for.
    fn hold(&self, number: usize) -> Option<Instant> {
        let mut now = self.now();
        let until = now.held_until.filter(|until| Instant::now() < *until)?;
        match now.credit.checked_sub(number) {
            Some(left) => {
                now.credit = left;
                None
            }
            None => Some(until),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait of placing, until it is dropped: one that is cancelled has lasted as long, too.
struct Waits<'a>(&'a Counter<f64, AtomicU64>, Instant);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.inc_by(self.1.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Shop;
    use futures_util::FutureExt;

    fn after(number: usize, delay: Duration) -> impl ExactSizeIterator<Item = Duration> {
        std::iter::repeat_n(delay, number)
    }

    fn late(number: usize) -> impl ExactSizeIterator<Item = Duration> {
        after(number, LATE * 2)
    }

    fn pace() -> Pace {
        Pace::new(&mut Registry::default())
    }

    fn may_place(pace: &Pace, number: usize) -> bool {
        pace.keep(number).now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_held_back_while_settling_is_in_time() {
        let pace = pace();
        assert!(may_place(&pace, 5_000));
        pace.settled(after(100, LATE));
        assert!(may_place(&pace, 5_000));
    }

    #[tokio::test(start_paused = true)]
    async fn while_settling_is_late_as_many_are_placed_as_are_settled() {
        let pace = pace();
        pace.settled(late(100));
        assert!(may_place(&pace, 60) && !may_place(&pace, 60) && may_place(&pace, 40));
        let waiting = tokio::spawn({
            let pace = pace.clone();
            async move { pace.keep(30).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        // Few at a time count as well, though they do not say whether settling is late.
        pace.settled(late(15));
        pace.settled(late(15));
        waiting.await.expect("not cancelled");
        assert!(!may_place(&pace, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn once_settling_is_in_time_again_everybody_may() {
        let pace = pace();
        pace.settled(late(100));
        assert!(!may_place(&pace, 1_000));
        pace.settled([[LATE * 2; 50].as_slice(), &[LATE]].concat().into_iter());
        assert!(may_place(&pace, 1_000), "one of them did not wait");
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_is_settled_orders_are_welcome() {
        let pace = pace();
        pace.settled(late(100));
        // Comes back by itself: payments went away.
        pace.keep(1_000).await;
        assert!(may_place(&pace, 5_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_stragglers_hold_nobody_back() {
        let pace = pace();
        pace.settled(late(TELLING - 1));
        assert!(may_place(&pace, 1_000));
    }

    #[tokio::test(start_paused = true)]
    async fn credit_is_bounded_and_a_batch_beyond_the_bound_still_comes_through() {
        let pace = pace();
        for _ in 0..5 {
            pace.settled(late(1_000));
        }
        assert!(may_place(&pace, MOST_AHEAD * 4) && !may_place(&pace, 1));
    }

    #[actix::test]
    async fn orders_settled_late_hold_back_the_next_ones_until_more_are_settled() {
        let pace = Pace::forgetting_after(Duration::from_secs(3_600), &mut Registry::default());
        let shop = Shop::open(&pace).await;
        let first = shop.place(TELLING + 1).await;
        assert_eq!(pace.0.held_back.get(), 0);
        shop.advance(Duration::from_secs(1));
        shop.settle(&first[1..]).await;
        let next = actix::spawn({
            let shop = shop.clone();
            async move { shop.place(TELLING + 1).await }
        });
        while pace.0.held_back.get() == 0 {
            assert!(!next.is_finished(), "nothing held it back");
            tokio::task::yield_now().await;
        }
        assert_eq!(pace.0.held_back.get(), TELLING as u64 + 1);
        assert!(pace.0.waited.get() < f64::EPSILON, "the wait is not over");
        shop.settle(&first[..1]).await;
        assert_eq!(next.await.unwrap().len(), TELLING + 1);
        assert!(pace.0.waited.get() > 0.0);
    }
}
