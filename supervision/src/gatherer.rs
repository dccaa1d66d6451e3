//! The gathering actor: while one batch is being worked on the next gathers, so at rest nobody waits for anybody and under load
//! one unit of work serves hundreds. Absent on purpose: a timer and a fixed batch size.

use crate::{Admission, Ask, AskError, Vitals, panic_text};
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, Supervised, Supervisor,
    WrapFuture,
};
use std::{collections::VecDeque, fmt, future::Future};
use tokio::{
    sync::oneshot,
    task::{JoinError, yield_now},
};

/// What a gatherer does with a batch.
pub trait Work: Unpin + 'static {
    /// What is gathered. It carries its own way to answer; a dropped item must read as "lost" at the other end.
    type Item: Send + Unpin + 'static;

    /// The actor's name in logs and metrics.
    const NAME: &'static str;

    /// Does the whole batch, never empty, in the order of arrival, and answers each item.
    fn run(&self, batch: Vec<Self::Item>) -> impl Future<Output = ()> + 'static;
}

/// How much a gatherer takes on. Named by each capability, with its reason.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Items admitted and not yet answered; beyond that [`AskError::Overloaded`].
    pub admitted: usize,
    /// Most items in one batch.
    pub batch: usize,
    /// Batches under way at once.
    pub lanes: usize,
}

/// The actor. Reached through its [`Handle`].
pub struct Gatherer<W: Work> {
    work: W,
    limits: Limits,
    vitals: Vitals,
    waiting: VecDeque<W::Item>,
    /// A batch is about to begin, with whatever waits by then.
    gathering: bool,
    under_way: usize,
    idle: Vec<oneshot::Sender<()>>,
}

struct Add<T>(T);

impl<T: Send> Message for Add<T> {
    type Result = ();
}

struct AddAll<T>(Vec<T>);

impl<T: Send> Message for AddAll<T> {
    type Result = ();
}

/// Answered once nothing is waiting or under way.
struct WhenIdle;

impl Message for WhenIdle {
    type Result = oneshot::Receiver<()>;
}

impl<W: Work> Gatherer<W> {
    /// Starts it, supervised, on the current arbiter.
    pub fn start(work: W, limits: Limits, vitals: &Vitals) -> Handle<W> {
        vitals.started(W::NAME);
        let vitals = vitals.clone();
        let address = Supervisor::start(move |context: &mut Context<Self>| {
            context.set_mailbox_capacity(limits.admitted);
            Self { work, limits, vitals, waiting: VecDeque::new(), gathering: false, under_way: 0, idle: Vec::new() }
        });
        Handle { address, admission: Admission::new(limits.admitted) }
    }

    /// Begins a batch when there is a lane for it, after a turn of the event loop: what comes in together, such as the messages of one
    /// delivery, comes in one by one, and the first of them shall not have a batch to itself.
    fn go_on(&mut self, context: &mut Context<Self>) {
        if !self.gathering && self.under_way < self.limits.lanes && !self.waiting.is_empty() {
            self.gathering = true;
            context.spawn(yield_now().into_actor(self).map(|(), actor, context| actor.begin(context)));
        }
        if self.under_way == 0 && self.waiting.is_empty() {
            // Whoever asked may have gone; nobody needs to know.
            self.idle.drain(..).for_each(|asked| _ = asked.send(()));
        }
    }

    fn begin(&mut self, context: &mut Context<Self>) {
        self.gathering = false;
        let batch: Vec<_> = self.waiting.drain(..self.waiting.len().min(self.limits.batch)).collect();
        self.vitals.batch(W::NAME, batch.len());
        self.under_way += 1;
        let task = actix::spawn(self.work.run(batch));
        context.spawn(task.into_actor(self).map(|result, actor, context| actor.batch_ended(result, context)));
        self.go_on(context);
    }

    fn batch_ended(&mut self, result: Result<(), JoinError>, context: &mut Context<Self>) {
        self.under_way = self.under_way.saturating_sub(1);
        match result.map_err(JoinError::try_into_panic) {
            Ok(()) | Err(Err(_)) => self.go_on(context),
            Err(Ok(panic)) => {
                tracing::error!(actor = W::NAME, panic = panic_text(&*panic), "an actor panicked and starts again");
                self.vitals.restarted(W::NAME);
                context.stop();
            }
        }
    }
}

impl<W: Work> Actor for Gatherer<W> {
    type Context = Context<Self>;
}

impl<W: Work> Supervised for Gatherer<W> {
    /// Batches of the other lanes end on their own; what was only waiting is worked on now.
    fn restarting(&mut self, context: &mut Context<Self>) {
        (self.gathering, self.under_way) = (false, 0);
        self.go_on(context);
    }
}

impl<W: Work> Handler<Add<W::Item>> for Gatherer<W> {
    type Result = ();

    fn handle(&mut self, Add(item): Add<W::Item>, context: &mut Context<Self>) {
        self.waiting.push_back(item);
        self.go_on(context);
    }
}

impl<W: Work> Handler<AddAll<W::Item>> for Gatherer<W> {
    type Result = ();

    fn handle(&mut self, AddAll(items): AddAll<W::Item>, context: &mut Context<Self>) {
        self.waiting.extend(items);
        self.go_on(context);
    }
}

impl<W: Work> Handler<WhenIdle> for Gatherer<W> {
    type Result = actix::MessageResult<WhenIdle>;

    fn handle(&mut self, _: WhenIdle, context: &mut Context<Self>) -> Self::Result {
        let (asked, answer) = oneshot::channel();
        self.idle.push(asked);
        self.go_on(context);
        actix::MessageResult(answer)
    }
}

/// The way to a gatherer: a cheap clone that hides address and messages, usable from any thread.
pub struct Handle<W: Work> {
    address: Addr<Gatherer<W>>,
    admission: Admission,
}

impl<W: Work> Clone for Handle<W> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), admission: self.admission.clone() }
    }
}

impl<W: Work> fmt::Debug for Handle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(W::NAME).field("under_way", &self.admission.under_way()).finish()
    }
}

impl<W: Work> Handle<W> {
    /// Adds items that were admitted elsewhere.
    #[expect(
        clippy::disallowed_methods,
        reason = "admitted elsewhere, and the handler only moves it to the waiting ones"
    )]
    pub fn add(&self, items: Vec<W::Item>) {
        self.address.do_send(AddAll(items));
    }

    /// Comes back once the gatherer has nothing to do, at once if it is gone.
    pub async fn idle(&self) {
        if let Ok(answer) = self.address.send(WhenIdle).await {
            // A restart in between drops the question; then there is nothing under way either.
            drop(answer.await);
        }
    }

    /// Whether the actor is there.
    pub fn alive(&self) -> bool {
        self.address.connected()
    }

    /// The questions that this handle admitted.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// [`AskError`] when there is no room, or the work was interrupted.
    #[expect(clippy::disallowed_methods, reason = "admission bounds what is in the mailbox")]
    pub async fn ask<Q, A>(&self, question: Q) -> Result<A, AskError>
    where
        W: Work<Item = Ask<Q, A>>,
        Q: Send + 'static,
        A: Send + 'static,
    {
        let (ask, answer) = self.admission.admit(question)?;
        self.address.do_send(Add(ask));
        answer.await.map_err(|_| AskError::Lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use prometheus_client::registry::Registry;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };
    use tokio::sync::Notify;

    const UNLUCKY: u64 = 1313;

    /// Doubles numbers; waits for `gate` first, panics on [`UNLUCKY`].
    struct Doubling {
        gate: Arc<Notify>,
        batches: Arc<AtomicUsize>,
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
    }

    fn start(limits: Limits) -> (Handle<Doubling>, Arc<Notify>, Arc<AtomicUsize>, Vitals) {
        let (gate, batches) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let vitals = Vitals::new(&mut Registry::default());
        let work = Doubling { gate: gate.clone(), batches: batches.clone() };
        (Gatherer::start(work, limits, &vitals), gate, batches, vitals)
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
}
