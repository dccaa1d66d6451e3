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
async fn while_what_may_be_under_way_is_all_wait_for_room_for_half_of_them() {
    let (under_way, placed) = (UnderWay::default(), orders(1_000));
    under_way.placed(placed.clone());
    under_way.ended(placed[..468].iter().copied());
    assert_eq!(under_way.worth(40), 0, "468 and 64 may be under way, and are");
    under_way.ended(placed[468..477].iter().copied());
    assert_eq!(under_way.worth(40), 0, "there is room for 18");
    advance(PATIENCE * 2).await;
    assert_eq!((under_way.worth(40), under_way.0.held_back.get()), (0, 0), "no patience is lost");
    under_way.ended(placed[477..478].iter().copied());
    assert_eq!(under_way.worth(40), 40);
    assert_eq!(under_way.0.held_back.get(), 40);
    assert!((under_way.0.waited.get() - (PATIENCE * 2).as_secs_f64()).abs() < 1e-6);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_goes_in_halves_of_what_may_be_under_way() {
    // 236 and 64 may be.
    assert_eq!(rush(236 + 226, 236).worth(10_000), 0, "there is room for less than half of a half");
    assert_eq!(rush(236 + 225, 236).worth(10_000), 150);
    let under_way = rush(236 + 100, 236);
    assert_eq!(under_way.worth(10_000), 200, "there is room for more");
    under_way.placed(orders(200));
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

#[tokio::test(start_paused = true)]
async fn whoever_is_held_back_hears_when_those_in_the_way_no_longer_count() {
    let (under_way, placed) = (UnderWay::default(), orders(1_000));
    let since = Instant::now();
    under_way.placed(placed.clone());
    advance(FORGOTTEN / 2).await;
    under_way.ended(placed[..100].iter().copied());
    under_way.news().await;
    assert!(!begins(&under_way, 1));
    under_way.news().await;
    assert_eq!(since.elapsed(), FORGOTTEN);
    assert!(begins(&under_way, 1));
}

/// A shop that settles so many orders in ten milliseconds.
const TICK: Duration = Duration::from_millis(10);
const AT_ONCE: usize = 20;

/// Clients who always want more, and three seconds' work that an outage has left.
#[tokio::test(start_paused = true)]
async fn under_load_what_is_under_way_comes_down_to_half_a_seconds_work_and_stays_there() {
    let half_a_second = AT_ONCE * 50;
    let under_way = UnderWay::default();
    let mut queue = VecDeque::from(orders(6 * half_a_second));
    for tick in 0..1_500 {
        advance(TICK).await;
        under_way.ended(queue.drain(..AT_ONCE));
        queue.extend(placed(&under_way, 1_000));
        assert!(queue.len() >= AT_ONCE, "in tick {tick} there is too little to do");
        let most = half_a_second * 3 / 2;
        assert!(tick < 1_000 || queue.len() <= most, "in tick {tick} {} are under way", queue.len());
    }
}

/// Two instances at full load; one settles and knows at once, the other is told.
#[tokio::test(start_paused = true)]
async fn two_instances_have_like_shares_though_one_hears_later() {
    const LATER: usize = 3;
    let (first, second) = (UnderWay::default(), UnderWay::default());
    let (mut queue, mut told) = (VecDeque::new(), VecDeque::from(vec![Vec::new(); LATER]));
    let mut shares = [0, 0];
    for tick in 0..6_000 {
        advance(TICK).await;
        let ended = queue.drain(..AT_ONCE.min(queue.len()));
        let (ours, theirs): (Vec<_>, Vec<_>) = ended.partition(|(ours, _)| *ours);
        if tick >= 5_000 {
            shares = [shares[0] + ours.len(), shares[1] + theirs.len()];
        }
        first.ended(ours.into_iter().map(|(_, order)| order));
        told.push_back(theirs);
        second.ended(told.pop_front().into_iter().flatten().map(|(_, order)| order));
        queue.extend(placed(&first, 128).into_iter().map(|order| (true, order)));
        queue.extend(placed(&second, 128).into_iter().map(|order| (false, order)));
    }
    assert!(shares.iter().all(|share| share * 3 >= shares[0] + shares[1]), "{shares:?}");
}

/// What is placed if so many drafts wait.
fn placed(under_way: &UnderWay, drafts: usize) -> Vec<OrderId> {
    let orders = orders(under_way.worth(drafts).min(drafts));
    if !orders.is_empty() {
        under_way.placed(orders.clone());
    }
    orders
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
    let shop = Shop::open().await;
    shop.place_with(&[Some("key"), Some("key")]).await;
    assert_eq!(shop.placing.under_way.number(), 1, "the second is the first once more");
}
