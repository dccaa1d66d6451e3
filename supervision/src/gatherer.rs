//! The gathering actor: while one batch is being worked on the next gathers, so at rest nobody waits for anybody and under load
//! one unit of work serves hundreds. Whether a batch is worth its work is for that to say. Absent on purpose: a timer and a fixed
//! batch size.

use crate::{Admission, Ask, AskError, Vitals, panic_text};
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, Supervised, Supervisor,
    WrapFuture,
};
use std::{
    collections::VecDeque,
    fmt,
    future::{Future, pending},
};
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

    /// How many may begin as one batch now, if so many wait; 0 when they are not worth one. Asked again when more wait, and when there is
    /// [`news`](Self::news).
    fn worth(&self, waiting: usize) -> usize {
        _ = waiting;
        usize::MAX
    }

    /// Comes back when what waits may have become worth a batch by itself.
    fn news(&self) -> impl Future<Output = ()> + 'static {
        pending()
    }
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
    /// A batch is about to begin, with as many of those that wait by then.
    gathering: Option<usize>,
    /// What waits was not worth a batch; there will be news.
    held: bool,
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
            let (waiting, idle) = (VecDeque::new(), Vec::new());
            Self { work, limits, vitals, waiting, gathering: None, held: false, under_way: 0, idle }
        });
        Handle { address, admission: Admission::new(limits.admitted) }
    }

    /// Begins a batch when it is worth it and there is a lane for it, after a turn of the event loop: what comes in together, such as the
    /// messages of one delivery, comes in one by one, and the first of them shall not have a batch to itself.
    fn go_on(&mut self, context: &mut Context<Self>) {
        if self.gathering.is_none() && self.under_way < self.limits.lanes && !self.waiting.is_empty() {
            let most = self.work.worth(self.waiting.len());
            if most > 0 {
                self.gathering = Some(most);
                context.spawn(yield_now().into_actor(self).map(|(), actor, context| actor.begin(context)));
            } else if !self.held {
                self.held = true;
                context.spawn(self.work.news().into_actor(self).map(|(), actor, context| actor.heard(context)));
            }
        }
        if self.under_way == 0 && self.waiting.is_empty() {
            // Whoever asked may have gone; nobody needs to know.
            self.idle.drain(..).for_each(|asked| _ = asked.send(()));
        }
    }

    fn heard(&mut self, context: &mut Context<Self>) {
        self.held = false;
        self.go_on(context);
    }

    fn begin(&mut self, context: &mut Context<Self>) {
        let most = self.gathering.take().map_or(self.limits.batch, |most| most.min(self.limits.batch));
        // With the room that it took: there may be a hundred thousand of us, most of them idle.
        let left = self.waiting.split_off(self.waiting.len().min(most));
        let batch = Vec::from(std::mem::replace(&mut self.waiting, left));
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
        (self.gathering, self.held, self.under_way) = (None, false, 0);
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
mod tests;
