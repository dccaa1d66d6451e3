use super::*;
use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{sync::Notify, task::JoinHandle};

const UNLUCKY: u64 = 1313;

/// Doubles numbers; waits for `gate` first, panics on [`UNLUCKY`].
struct Doubling {
    gate: Arc<Notify>,
    batches: Arc<AtomicUsize>,
    least: Arc<Least>,
}

/// Fewer are not worth a batch; of more, only multiples of it begin.
#[derive(Default)]
struct Least {
    number: AtomicUsize,
    news: Notify,
}

impl Least {
    fn becomes(&self, number: usize) {
        self.number.store(number, Ordering::SeqCst);
        self.news.notify_one();
    }
}

impl Work for Doubling {
    type Item = Ask<u64, u64>;
    const NAME: &'static str = "doubling";

    fn run(&self, batch: Vec<Self::Item>) -> impl Future<Output = ()> + 'static {
        let gate = self.gate.clone();
        self.batches.fetch_add(1, Ordering::SeqCst);
        async move {
            gate.notified().await;
            assert!(batch.iter().all(|ask| ask.question != UNLUCKY), "unlucky");
            for ask in batch {
                let double = ask.question * 2;
                ask.answer(double);
            }
        }
    }

    fn worth(&self, waiting: usize) -> usize {
        match self.least.number.load(Ordering::SeqCst) {
            0 => usize::MAX,
            least => waiting / least * least,
        }
    }

    fn news(&self) -> impl Future<Output = ()> + 'static {
        let least = self.least.clone();
        async move { least.news.notified().await }
    }
}

fn start(limits: Limits) -> (Handle<Doubling>, Arc<Notify>, Arc<AtomicUsize>, Vitals) {
    let (handle, gate, batches, vitals, _) = start_choosy(limits);
    (handle, gate, batches, vitals)
}

fn start_choosy(limits: Limits) -> (Handle<Doubling>, Arc<Notify>, Arc<AtomicUsize>, Vitals, Arc<Least>) {
    let (gate, batches) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (vitals, least) = (Vitals::new(&mut Registry::default()), Arc::new(Least::default()));
    let work = Doubling { gate: gate.clone(), batches: batches.clone(), least: least.clone() };
    (Gatherer::start(work, limits, &vitals), gate, batches, vitals, least)
}

const LIMITS: Limits = Limits { admitted: 100, batch: 100, lanes: 1 };

#[actix::test]
async fn what_waits_while_a_batch_is_under_way_becomes_the_next_batch() {
    let (handle, gate, batches, _) = start(LIMITS);
    let asking = |n| {
        actix::spawn({
            let handle = handle.clone();
            async move { handle.ask(n).await }
        })
    };
    let first = asking(1);
    while batches.load(Ordering::SeqCst) == 0 {
        yield_now().await;
    }
    let rest: Vec<_> = (2..=50).map(asking).collect();
    while handle.admission().under_way() < 50 {
        yield_now().await;
    }
    // The mailbox keeps its order: once this is answered, all questions have been gathered.
    let idle = handle.address.send(WhenIdle).await;
    gate.notify_one();
    assert_eq!(first.await.expect("not cancelled"), Ok(2));
    gate.notify_one();
    for (n, asked) in (2..=50).zip(rest) {
        assert_eq!(asked.await.expect("not cancelled"), Ok(n * 2));
    }
    assert_eq!(batches.load(Ordering::SeqCst), 2);
    assert!(idle.expect("alive").await.is_ok());
}

#[actix::test]
async fn questions_that_come_together_are_one_batch() {
    let (handle, gate, batches, _) = start(LIMITS);
    let opening = actix::spawn(async move {
        loop {
            gate.notify_one();
            yield_now().await;
        }
    });
    let answers = join_all((1..=50).map(|n| handle.ask(n))).await;
    opening.abort();
    assert_eq!(answers, (1..=50).map(|n| Ok(n * 2)).collect::<Vec<_>>());
    assert_eq!(batches.load(Ordering::SeqCst), 1);
}

#[actix::test]
async fn a_panic_loses_its_batch_only_and_the_actor_is_there_again() {
    let (handle, gate, _, vitals) = start(LIMITS);
    gate.notify_one();
    assert_eq!(handle.ask(UNLUCKY).await, Err(AskError::Lost));
    gate.notify_one();
    assert_eq!(handle.ask(4).await, Ok(8));
    assert_eq!(vitals.restarts("doubling"), 1);
}

#[actix::test]
async fn a_question_waiting_during_a_panic_is_answered_after_the_restart() {
    let (handle, gate, batches, _) = start(LIMITS);
    let unlucky = actix::spawn({
        let handle = handle.clone();
        async move { handle.ask(UNLUCKY).await }
    });
    while batches.load(Ordering::SeqCst) == 0 {
        yield_now().await;
    }
    let waiting = actix::spawn({
        let handle = handle.clone();
        async move { handle.ask(5).await }
    });
    while handle.admission().under_way() < 2 {
        yield_now().await;
    }
    gate.notify_one();
    assert_eq!(unlucky.await.expect("not cancelled"), Err(AskError::Lost));
    gate.notify_one();
    assert_eq!(waiting.await.expect("not cancelled"), Ok(10));
}

#[actix::test]
async fn beyond_what_is_admitted_a_question_is_refused_and_room_comes_back() {
    let (handle, gate, ..) = start(Limits { admitted: 1, ..LIMITS });
    let first = actix::spawn({
        let handle = handle.clone();
        async move { handle.ask(1).await }
    });
    while handle.admission().has_room() {
        yield_now().await;
    }
    assert_eq!(handle.ask(2).await, Err(AskError::Overloaded));
    gate.notify_one();
    assert_eq!(first.await.expect("not cancelled"), Ok(2));
    assert!(handle.admission().has_room());
}

#[actix::test]
async fn idle_comes_back_when_the_last_batch_has_ended() {
    let (handle, gate, ..) = start(LIMITS);
    handle.idle().await;
    let asked = actix::spawn({
        let handle = handle.clone();
        async move { handle.ask(1).await }
    });
    while handle.admission().has_room() && handle.admission().under_way() == 0 {
        yield_now().await;
    }
    gate.notify_one();
    handle.idle().await;
    assert_eq!(asked.await.expect("not cancelled"), Ok(2));
}

/// Asks; when this comes back the gatherer has the question, because its mailbox keeps its order.
async fn asked(handle: &Handle<Doubling>, n: u64) -> JoinHandle<Result<u64, AskError>> {
    let before = handle.admission().under_way();
    let asked = actix::spawn({
        let handle = handle.clone();
        async move { handle.ask(n).await }
    });
    while handle.admission().under_way() == before {
        yield_now().await;
    }
    drop(handle.address.send(WhenIdle).await);
    asked
}

#[actix::test]
async fn what_is_not_worth_a_batch_waits_for_company() {
    let (handle, gate, batches, _, least) = start_choosy(LIMITS);
    least.becomes(3);
    gate.notify_one();
    let first = [asked(&handle, 1).await, asked(&handle, 2).await];
    settle().await;
    assert_eq!(batches.load(Ordering::SeqCst), 0);
    assert_eq!(asked(&handle, 3).await.await.expect("not cancelled"), Ok(6));
    for (first, double) in first.into_iter().zip([2, 4]) {
        assert_eq!(first.await.expect("not cancelled"), Ok(double));
    }
    assert_eq!(batches.load(Ordering::SeqCst), 1);
}

#[actix::test]
async fn what_was_not_worth_a_batch_is_begun_by_the_news_that_it_is() {
    let (handle, gate, batches, _, least) = start_choosy(LIMITS);
    least.becomes(3);
    gate.notify_one();
    let alone = asked(&handle, 1).await;
    least.becomes(2);
    settle().await;
    assert_eq!(batches.load(Ordering::SeqCst), 0, "this news was not about one");
    least.becomes(1);
    assert_eq!(alone.await.expect("not cancelled"), Ok(2));
}

#[actix::test]
async fn what_was_not_worth_a_batch_still_hears_the_news_after_a_restart() {
    let (handle, gate, _, vitals, least) = start_choosy(Limits { lanes: 2, ..LIMITS });
    let unlucky = asked(&handle, UNLUCKY).await;
    settle().await;
    least.becomes(2);
    let waiting = asked(&handle, 5).await;
    gate.notify_one();
    assert_eq!(unlucky.await.expect("not cancelled"), Err(AskError::Lost));
    while vitals.restarts("doubling") == 0 {
        yield_now().await;
    }
    gate.notify_one();
    least.becomes(1);
    assert_eq!(waiting.await.expect("not cancelled"), Ok(10));
}

#[actix::test]
async fn of_those_that_wait_as_many_begin_as_are_worth_it() {
    let (handle, gate, batches, _, least) = start_choosy(LIMITS);
    least.becomes(4);
    let [first, second, third] = [asked(&handle, 1).await, asked(&handle, 2).await, asked(&handle, 3).await];
    gate.notify_one();
    least.becomes(2);
    assert_eq!(first.await.expect("not cancelled"), Ok(2));
    assert_eq!(second.await.expect("not cancelled"), Ok(4));
    settle().await;
    assert!(batches.load(Ordering::SeqCst) == 1 && !third.is_finished());
    gate.notify_one();
    least.becomes(1);
    assert_eq!(third.await.expect("not cancelled"), Ok(6));
}

/// Lets everything happen that can.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}
