//! Admission by settlement: while orders are settled late, fewer are placed than are settled. So what is under way comes back to what half
//! a second of settling takes, however long the load lasts and however fast orders could be written down.
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
/// So many together, or one after the other: fewer say nothing about the queue. A message that was set aside is late for reasons of its own.
const TELLING: usize = 16;
/// What was heard that long ago holds nobody back.
const FORGOTTEN: Duration = Duration::from_secs(1);
/// The most that may be placed on the strength of what was settled before.
const MOST_AHEAD: usize = 1_000;

/// What placing an order takes of the credit.
const PRICE: usize = 1_000;

/// What an order earns that was settled so long after it was placed: the later, the less, so that what is under way shrinks; but at least
/// half of what placing one takes, so that placing goes on while what an outage has left behind is worked off.
fn earns(after: Duration) -> usize {
    let part = LATE.as_micros().saturating_mul(PRICE as u128) / after.as_micros().max(1);
    usize::try_from(part).unwrap_or(PRICE).clamp(PRICE / 2, PRICE)
}

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
    /// What orders settled since have earned, and no new one has taken.
    credit: usize,
    /// What was heard and not judged yet.
    heard: Option<Heard>,
}

/// Orders that were settled lately.
#[derive(Clone, Copy, Debug)]
struct Heard {
    since: Instant,
    number: usize,
    youngest: Duration,
}

impl Pace {
    /// Registers its metric.
    pub fn new(registry: &mut Registry) -> Self {
        Self::forgetting_after(FORGOTTEN, registry)
    }

    pub(crate) fn forgetting_after(forgotten: Duration, registry: &mut Registry) -> Self {
        let held_back = Counter::default();
        let help = "Orders whose placing waited because orders were settled late";
        registry.register("held_back", help, held_back.clone());
        let (waited, help) = (Counter::default(), "Time in which placing waited because orders were settled late");
        registry.register_with_unit("held_back", help, Unit::Seconds, waited.clone());
        Self(Arc::new(Shared { forgotten, now: Mutex::default(), settled: Notify::new(), held_back, waited }))
    }

    /// Takes note of orders of this instance that became final together, each so long after it was placed.
    pub fn settled(&self, after: impl Iterator<Item = Duration>) {
        let (mut now, at) = (self.now(), Instant::now());
        let lately = now.heard.take().filter(|heard| at.duration_since(heard.since) < self.0.forgotten);
        let mut heard = lately.unwrap_or(Heard { since: at, number: 0, youngest: Duration::MAX });
        let mut earned = 0;
        for after in after {
            heard = Heard { number: heard.number + 1, youngest: heard.youngest.min(after), ..heard };
            earned += earns(after);
        }
        if heard.number >= TELLING {
            now.held_until = (heard.youngest > LATE).then(|| at + self.0.forgotten);
        } else {
            now.heard = Some(heard);
        }
        now.credit = if now.held_until.is_some() { (now.credit + earned).min(MOST_AHEAD * PRICE) } else { 0 };
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
        match now.credit.checked_sub(number * PRICE) {
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
    use std::collections::VecDeque;
    use tokio::time::advance;

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
    async fn while_settling_is_late_fewer_are_placed_than_are_settled() {
        let pace = pace();
        pace.settled(late(200));
        assert!(may_place(&pace, 60) && !may_place(&pace, 60) && may_place(&pace, 40));
        let waiting = tokio::spawn({
            let pace = pace.clone();
            async move { pace.keep(15).await }
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

    #[test]
    fn the_later_an_order_the_less_it_earns_but_never_less_than_half() {
        let earned =
            [Duration::ZERO, LATE, LATE * 5 / 4, LATE * 2, Duration::from_secs(3_600), Duration::MAX].map(earns);
        assert_eq!(earned, [PRICE, PRICE, PRICE * 4 / 5, PRICE / 2, PRICE / 2, PRICE / 2]);
    }

    /// Clients who always want more, and a hundred orders settled in a tenth of a second.
    #[tokio::test(start_paused = true)]
    async fn what_an_outage_has_left_is_worked_off_under_load() {
        const AT_ONCE: usize = 100;
        let pace = pace();
        let mut queue = VecDeque::from(vec![Instant::now(); 20 * AT_ONCE]);
        advance(Duration::from_secs(5)).await;
        for _ in 0..60 {
            advance(Duration::from_millis(100)).await;
            let settled: Vec<_> = queue.drain(..AT_ONCE).map(|placed| placed.elapsed()).collect();
            if settled[AT_ONCE - 1] <= LATE {
                return;
            }
            pace.settled(settled.into_iter());
            let more = (0..2 * AT_ONCE).take_while(|_| may_place(&pace, 1)).map(|_| Instant::now());
            queue.extend(more.collect::<Vec<_>>());
        }
        panic!("{} are under way, and late", queue.len());
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
        for _ in 0..3 {
            pace.settled(late(TELLING - 1));
            assert!(may_place(&pace, 1_000));
            advance(FORGOTTEN).await;
        }
        pace.settled(after(1, LATE));
        pace.settled(late(TELLING - 1));
        assert!(may_place(&pace, 1_000), "one of them did not wait");
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_come_one_by_one_say_as_much_as_a_batch() {
        let pace = pace();
        for number in 1..=TELLING {
            assert!(may_place(&pace, 1_000), "{number}");
            pace.settled(late(1));
        }
        assert!(!may_place(&pace, 1_000));
        for _ in 0..TELLING {
            pace.settled(after(1, LATE));
        }
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
        let first = shop.place(TELLING * 2).await;
        assert_eq!(pace.0.held_back.get(), 0);
        // By the real clock, which ids go by, the test itself takes a while.
        shop.advance(LATE * 100);
        shop.settle(&first[..TELLING]).await;
        let next = actix::spawn({
            let shop = shop.clone();
            async move { shop.place(TELLING).await }
        });
        while pace.0.held_back.get() == 0 {
            assert!(!next.is_finished(), "nothing held it back");
            tokio::task::yield_now().await;
        }
        assert_eq!(pace.0.held_back.get(), TELLING as u64);
        assert!(pace.0.waited.get() < f64::EPSILON, "the wait is not over");
        shop.settle(&first[TELLING..]).await;
        assert_eq!(next.await.unwrap().len(), TELLING);
        assert!(pace.0.waited.get() > 0.0);
    }
}
