//! Self-clocking: the end of earlier orders says when the next ones are placed together. Each batch costs six stages a fixed price,
//! so an order that only would wait in a later stage gathers company before the first one instead (decision 16).
//! Absent: a timer as the clock. One bounds each wait, and is there for when nothing ends at all; then nobody waits.

use saga::OrderId;
use std::{
    collections::{HashSet, VecDeque},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
}

#[derive(Debug, Default)]
struct Now {
    orders: HashSet<OrderId>,
    /// When they were placed, oldest first.
    placed: VecDeque<(Instant, Vec<OrderId>)>,
    /// When one of them has ended, last.
    ended: Option<Instant>,
    /// Since when drafts wait for company.
    waiting: Option<Instant>,
}

impl UnderWay {
    /// Takes note of orders that are placed.
    pub fn placed(&self, orders: Vec<OrderId>) {
        let (mut now, at) = (self.now(), Instant::now());
        while let Some((_, old)) = now.placed.pop_front_if(|(placed, _)| at.duration_since(*placed) >= FORGOTTEN) {
            for order in old {
                now.orders.remove(&order);
            }
        }
        now.orders.extend(&orders);
        now.placed.push_back((at, orders));
    }

    /// Takes note of orders of this instance that are final, whether or not they still counted.
    pub fn ended(&self, orders: impl Iterator<Item = OrderId>) {
        let (mut now, mut any) = (self.now(), false);
        for order in orders {
            now.orders.remove(&order);
            any = true;
        }
        if any {
            now.ended = Some(Instant::now());
            drop(now);
            self.0.ended.notify_one();
        }
    }

    /// Whether so many drafts are worth a way of their own; if not, they wait.
    pub fn worth(&self, drafts: usize) -> bool {
        let (mut now, at) = (self.now(), Instant::now());
        now.waiting.get_or_insert(at);
        let worth = drafts >= ENOUGH.min(now.orders.len().div_ceil(PART)) || now.patient_until() <= Some(at);
        if worth {
            now.waiting = None;
        }
        worth
    }

    /// Comes back when one of them has ended, or nobody is to wait any longer. There is one who asks.
    pub fn news(&self) -> impl Future<Output = ()> + 'static {
        let shared = self.0.clone();
        async move {
            let until = Self(shared.clone()).now().patient_until().unwrap_or_else(Instant::now);
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
    /// `None` when nobody is to wait.
    fn patient_until(&self) -> Option<Instant> {
        let (ended, waiting) = (self.ended?, self.waiting);
        Some(waiting.map_or(ended, |waiting| waiting.min(ended)) + PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pace::Pace, testing::Shop};
    use futures_util::FutureExt;
    use prometheus_client::registry::Registry;
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

    #[tokio::test(start_paused = true)]
    async fn one_order_at_a_time_never_waits() {
        let under_way = UnderWay::default();
        assert!(under_way.worth(1));
        for order in orders(3) {
            under_way.placed(vec![order]);
            under_way.ended([order].into_iter());
            assert!(under_way.worth(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_waits_until_it_is_half_of_what_is_under_way() {
        let (under_way, placed) = busy(10);
        assert!(under_way.worth(5) && !under_way.worth(4));
        under_way.ended(placed[..2].iter().copied());
        assert!(under_way.worth(4) && !under_way.worth(3), "8 are left");
        under_way.placed(orders(4));
        assert!(under_way.worth(6) && !under_way.worth(5), "12 are there");
    }

    #[tokio::test(start_paused = true)]
    async fn enough_wait_for_nobody() {
        let (under_way, _) = busy(1_000);
        assert!(under_way.worth(ENOUGH) && !under_way.worth(ENOUGH - 1));
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
        assert!(!under_way.worth(4));
        advance(PATIENCE / 2).await;
        assert!(under_way.worth(1), "it makes nobody more patient");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_one_that_no_longer_counts_is_news() {
        let (under_way, old) = busy(1_000);
        advance(FORGOTTEN).await;
        under_way.placed(orders(10));
        assert!(under_way.worth(1), "nothing has ended for long");
        under_way.ended(old[..1].iter().copied());
        assert!(under_way.worth(5) && !under_way.worth(4));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_however_many_end_that_no_longer_count() {
        let (under_way, old) = busy(1_000);
        advance(FORGOTTEN).await;
        under_way.placed(orders(60));
        let mut news = old.chunks(1).map(|end| under_way.ended(end.iter().copied()));
        news.next();
        assert!(!under_way.worth(1));
        let since = Instant::now();
        while !under_way.worth(1) {
            assert!(since.elapsed() < PATIENCE, "still waiting");
            news.next();
            advance(PATIENCE / 4).await;
        }
        assert_eq!(since.elapsed(), PATIENCE);
        let since = Instant::now();
        assert!(!under_way.worth(1), "the next one's wait begins");
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
        assert!(under_way.worth(1));
        let before_any_end = UnderWay::default();
        before_any_end.placed(orders(10));
        before_any_end.news().await;
        assert!(before_any_end.worth(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_under_way_for_long_no_longer_counts() {
        let (under_way, _) = busy(1_000);
        advance(FORGOTTEN).await;
        let (one, rest) = (orders(1), orders(2));
        under_way.placed([one.clone(), rest].concat());
        under_way.ended(one.into_iter());
        assert!(under_way.worth(1), "2 are there");
        assert!(under_way.now().placed.len() == 1, "what is forgotten takes no room");
    }

    #[actix::test]
    async fn orders_are_under_way_from_their_commit_until_they_are_final_here() {
        let shop = Shop::open(&Pace::new(&mut Registry::default())).await;
        let under_way = &shop.placing.under_way;
        let placed = shop.place(3).await;
        assert_eq!(under_way.number(), 3);
        shop.settle(&placed[..2]).await;
        assert_eq!(under_way.number(), 1);
        shop.place_with(&[Some("key"), Some("key")]).await;
        assert_eq!(under_way.number(), 2, "the second is the first once more");
    }
}
