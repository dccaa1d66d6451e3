//! Self-clocking: the end of earlier orders says when the next ones are placed together. Each batch costs six stages a fixed price,
//! so an order that only would wait in a later stage gathers company before the first one instead (decision 16).
//! Absent: a timer as the clock. One bounds each wait, and is there for when nothing ends at all; then nobody waits.

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
/// Nobody waits longer: those that end may be an outage's and say nothing of when there will be company. And where nothing has ended for so
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
    /// When one of them has ended, last.
    ended: Option<Instant>,
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
            let at = Instant::now();
            now.ended = Some(at);
            now.pace.ended(number, at);
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
    /// pay the price of a way.
    fn room(&mut self, drafts: usize, at: Instant) -> usize {
        let bound = self.pace.bound(at);
        let room = bound.map_or(usize::MAX, |(most, _)| most.saturating_sub(self.orders.len()));
        let together = bound.map_or(drafts, |(most, _)| drafts.min(most / 2));
        self.held_until = bound.map(|(_, until)| until).filter(|_| room < together);
        if self.held_until.is_some() { 0 } else { room }
    }

    /// When to ask again if nothing ends before; `None` when nobody is to wait.
    fn news_by(&self) -> Option<Instant> {
        self.held_until.or_else(|| self.patient_until())
    }

    /// `None` when nobody is to wait.
    fn patient_until(&self) -> Option<Instant> {
        let (ended, waiting) = (self.ended?, self.waiting);
        Some(waiting.map_or(ended, |waiting| waiting.min(ended)) + PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Shop;
    use futures_util::FutureExt;
    use tokio::time::advance;
    use uuid::Uuid;

    fn orders(number: usize) -> Vec<OrderId> {
        std::iter::repeat_with(|| OrderId::new(Uuid::now_v7())).take(number).collect()
    }

    /// So many are under way, and another has just ended.
    fn busy(number: usize) -> (UnderWay, Vec<OrderId>) {
        let (under_way, orders) = (UnderWay::default(), orders(number + 1));
        under_way.placed(orders.clone());
        under_way.ended(orders[number..].iter().copied());
        (under_way, orders[..number].to_vec())
    }

    /// So many were placed, and so many of them have just ended.
    fn rush(number: usize, ended: usize) -> UnderWay {
        let (under_way, orders) = (UnderWay::default(), orders(number));
        under_way.placed(orders.clone());
        under_way.ended(orders[..ended].iter().copied());
        under_way
    }

    fn begins(under_way: &UnderWay, drafts: usize) -> bool {
        under_way.worth(drafts) > 0
    }

    #[tokio::test(start_paused = true)]
    async fn one_order_at_a_time_never_waits() {
        let under_way = UnderWay::default();
        assert!(begins(&under_way, 1));
        for order in orders(3) {
            under_way.placed(vec![order]);
            under_way.ended([order].into_iter());
            assert!(begins(&under_way, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_waits_until_it_is_half_of_what_is_under_way() {
        let (under_way, placed) = busy(10);
        assert!(begins(&under_way, 5) && !begins(&under_way, 4));
        under_way.ended(placed[..2].iter().copied());
        assert!(begins(&under_way, 4) && !begins(&under_way, 3), "8 are left");
        under_way.placed(orders(4));
        assert!(begins(&under_way, 6) && !begins(&under_way, 5), "12 are there");
    }

    #[tokio::test(start_paused = true)]
    async fn enough_wait_for_nobody() {
        let under_way = rush(1_000, 600);
        assert!(begins(&under_way, ENOUGH) && !begins(&under_way, ENOUGH - 1));
    }

    #[tokio::test(start_paused = true)]
    async fn while_as_much_is_under_way_as_has_ended_lately_all_wait_for_room_for_all() {
        let (under_way, placed) = (UnderWay::default(), orders(1_000));
        under_way.placed(placed.clone());
        under_way.ended(placed[..500].iter().copied());
        assert_eq!(under_way.worth(40), 0);
        under_way.ended(placed[500..519].iter().copied());
        assert_eq!(under_way.worth(40), 0, "519 have ended, 481 are under way");
        advance(PATIENCE * 2).await;
        assert_eq!((under_way.worth(40), under_way.0.held_back.get()), (0, 0), "no patience is lost");
        under_way.ended(placed[519..520].iter().copied());
        assert_eq!(under_way.worth(40), 40);
        assert_eq!(under_way.0.held_back.get(), 40);
        assert!((under_way.0.waited.get() - (PATIENCE * 2).as_secs_f64()).abs() < 1e-6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_goes_in_halves_of_what_may_be_under_way() {
        let under_way = rush(349, 230);
        assert_eq!(under_way.worth(10_000), 0, "119 are under way, and there is room for 111");
        let under_way = rush(345, 230);
        assert_eq!(under_way.worth(10_000), 115);
        under_way.placed(orders(115));
        assert_eq!(under_way.worth(1), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_held_back_hears_of_each_end_and_when_there_are_no_more() {
        let (under_way, placed) = (UnderWay::default(), orders(1_000));
        under_way.placed(placed.clone());
        under_way.ended(placed[..100].iter().copied());
        under_way.news().await;
        let ended = Instant::now();
        assert!(!begins(&under_way, 1));
        let mut news = Box::pin(under_way.news());
        assert_eq!((&mut news).now_or_never(), None);
        under_way.ended(placed[100..101].iter().copied());
        assert_eq!(news.now_or_never(), Some(()));
        assert!(!begins(&under_way, 1));
        under_way.news().await;
        assert_eq!(ended.elapsed(), FORGOTTEN);
        assert_eq!(under_way.worth(5_000), usize::MAX, "payments or the broker is away");
    }

    /// Clients who always want more, a shop that settles twenty orders in ten milliseconds, and three seconds' work that an outage has left.
    #[tokio::test(start_paused = true)]
    async fn under_load_what_is_under_way_comes_down_to_half_a_seconds_work_and_stays_there() {
        const TICK: Duration = Duration::from_millis(10);
        const AT_ONCE: usize = 20;
        let half_a_second = AT_ONCE * 50;
        let under_way = UnderWay::default();
        let mut queue = VecDeque::from(orders(6 * half_a_second));
        for tick in 0..1_500 {
            advance(TICK).await;
            under_way.ended(queue.drain(..AT_ONCE));
            let more = under_way.worth(1_000).min(1_000);
            if more > 0 {
                let orders = orders(more);
                under_way.placed(orders.clone());
                queue.extend(orders);
            }
            assert!(queue.len() >= AT_ONCE, "in tick {tick} there is too little to do");
            assert!(tick < 1_000 || queue.len() <= half_a_second, "in tick {tick} {} are under way", queue.len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_news_also_if_it_came_first() {
        let (under_way, placed) = busy(10);
        assert_eq!(under_way.news().now_or_never(), Some(()), "the end that `busy` begins with");
        let mut news = Box::pin(under_way.news());
        assert_eq!((&mut news).now_or_never(), None);
        under_way.ended(placed[..1].iter().copied());
        assert_eq!(news.now_or_never(), Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn no_end_is_no_news() {
        let (under_way, _) = busy(10);
        under_way.news().await;
        advance(PATIENCE / 2).await;
        under_way.ended(std::iter::empty());
        assert_eq!(under_way.news().now_or_never(), None);
        assert!(!begins(&under_way, 4));
        advance(PATIENCE / 2).await;
        assert!(begins(&under_way, 1), "it makes nobody more patient");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_one_that_no_longer_counts_is_news() {
        let (under_way, old) = busy(1_000);
        advance(FORGOTTEN).await;
        under_way.placed(orders(10));
        assert!(begins(&under_way, 1), "nothing has ended for long");
        under_way.ended(old[..1].iter().copied());
        assert!(begins(&under_way, 5) && !begins(&under_way, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_however_many_end_that_no_longer_count() {
        let (under_way, old) = busy(1_000);
        advance(FORGOTTEN).await;
        under_way.placed(orders(60));
        let mut news = old.chunks(1).map(|end| under_way.ended(end.iter().copied()));
        news.next();
        assert!(!begins(&under_way, 1));
        let since = Instant::now();
        while !begins(&under_way, 1) {
            assert!(since.elapsed() < PATIENCE, "still waiting");
            news.next();
            advance(PATIENCE / 4).await;
        }
        assert_eq!(since.elapsed(), PATIENCE);
        let since = Instant::now();
        assert!(!begins(&under_way, 1), "the next one's wait begins");
        under_way.news().await;
        advance(PATIENCE / 2).await;
        news.next();
        under_way.news().await;
        under_way.news().await;
        assert_eq!(since.elapsed(), PATIENCE, "somebody asks when it is over");
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_ends_nobody_waits() {
        let (under_way, _) = busy(10);
        under_way.news().await;
        let since = Instant::now();
        under_way.news().await;
        assert_eq!(since.elapsed(), PATIENCE);
        assert!(begins(&under_way, 1));
        let before_any_end = UnderWay::default();
        before_any_end.placed(orders(10));
        before_any_end.news().await;
        assert!(begins(&before_any_end, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_under_way_for_long_no_longer_counts() {
        let (under_way, old) = busy(1_000);
        advance(FORGOTTEN).await;
        under_way.ended(old[..1].iter().copied());
        assert!(begins(&under_way, 1), "none of the others is in the way");
        let (one, rest) = (orders(1), orders(2));
        under_way.placed([one.clone(), rest].concat());
        under_way.ended(one.into_iter());
        assert!(begins(&under_way, 1), "2 are there");
        assert!(under_way.now().placed.len() == 1, "what is forgotten takes no room");
    }

    #[actix::test]
    async fn orders_are_under_way_from_their_commit_until_they_are_final_here() {
        let shop = Shop::open().await;
        let under_way = &shop.placing.under_way;
        let placed = shop.place(3).await;
        assert_eq!(under_way.number(), 3);
        shop.settle(&placed[..2]).await;
        assert_eq!(under_way.number(), 1);
        shop.place_with(&[Some("key"), Some("key")]).await;
        assert_eq!(under_way.number(), 2, "the second is the first once more");
    }
}
