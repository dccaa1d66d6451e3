//! The hub: an actor that knows the sockets of this instance and passes each change to those of its user.
//! Absent: writing to a socket, which may take time; each socket has a bounded queue and a task of its own.

use super::change::{Change, Note};
use crate::metrics::PushMetrics;
use actix::{Actor, Addr, Context, Handler, Message, MessageResult, Supervised, Supervisor};
use saga::{OrderId, UserId};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};
use store::Micros;
use telemetry::{Span, SpanKind, Tracer};
use tokio::sync::{Notify, mpsc};

/// Messages waiting for one socket. A reader that is this far behind is told to come back with its cursor.
const QUEUE: usize = 256;

/// How many sockets there may be.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// On this instance.
    pub instance: usize,
    /// Of one user on this instance.
    pub user: usize,
}

/// What is passed to a socket.
#[derive(Clone, Debug)]
pub enum Told {
    /// Something changed. Shared, because a queue reserves the room of many from the beginning.
    Update(Arc<Note>),
    /// Changes may have been missed since then: look into the database.
    CatchUp(Micros),
}

/// Raised for a socket that has to end, even if it is in the middle of a message to a client that does not read.
#[derive(Debug, Default)]
pub struct Overflow {
    raised: AtomicBool,
    notify: Notify,
}

impl Overflow {
    fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// Comes back once it is raised.
    pub async fn raised(&self) {
        while !self.raised.load(Ordering::Acquire) {
            self.notify.notified().await;
        }
    }
}

/// A socket's end of its registration. When it is dropped, the hub forgets the socket.
pub struct Seat {
    /// What the hub passes on. Closed when the hub lets go: then the client has to resume elsewhere.
    pub told: mpsc::Receiver<Told>,
    /// Raised when the queue was full, or is closed.
    pub overflow: Arc<Overflow>,
    user: UserId,
    id: u64,
    hub: Addr<Hub>,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seat({} of {})", self.id, self.user)
    }
}

impl Drop for Seat {
    #[expect(clippy::disallowed_methods, reason = "at most one for each admitted socket")]
    fn drop(&mut self) {
        self.hub.do_send(Leave { user: self.user.clone(), id: self.id });
    }
}

struct Socket {
    id: u64,
    /// `None` watches all orders of the user.
    order: Option<OrderId>,
    queue: mpsc::Sender<Told>,
    overflow: Arc<Overflow>,
}

impl Socket {
    fn pass(&self, told: Told) {
        // A closed queue belongs to a socket that is leaving.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(told) {
            self.overflow.raise();
        }
    }
}

struct Hub {
    sockets: HashMap<UserId, Vec<Socket>>,
    count: usize,
    next_id: u64,
    limits: SocketLimits,
    metrics: PushMetrics,
    tracer: Tracer,
}

impl Actor for Hub {
    type Context = Context<Self>;
}

impl Supervised for Hub {}

struct Join {
    user: UserId,
    order: Option<OrderId>,
}

type Joined = Option<(u64, mpsc::Receiver<Told>, Arc<Overflow>)>;

impl Message for Join {
    type Result = Joined;
}

impl Handler<Join> for Hub {
    type Result = MessageResult<Join>;

    fn handle(&mut self, Join { user, order }: Join, _: &mut Context<Self>) -> Self::Result {
        let full = self.count >= self.limits.instance;
        let of_user = self.sockets.get(&user).map_or(0, Vec::len);
        if full || of_user >= self.limits.user {
            return MessageResult(None);
        }
        let (queue, told) = mpsc::channel(QUEUE);
        let (id, overflow) = (self.next_id, Arc::new(Overflow::default()));
        self.sockets.entry(user).or_default().push(Socket { id, order, queue, overflow: overflow.clone() });
        self.next_id += 1;
        self.count += 1;
        self.metrics.sockets(self.count);
        MessageResult(Some((id, told, overflow)))
    }
}

struct Leave {
    user: UserId,
    id: u64,
}

impl Message for Leave {
    type Result = ();
}

impl Handler<Leave> for Hub {
    type Result = ();

    fn handle(&mut self, Leave { user, id }: Leave, _: &mut Context<Self>) {
        let Some(sockets) = self.sockets.get_mut(&user) else { return };
        let before = sockets.len();
        sockets.retain(|socket| socket.id != id);
        self.count = self.count.saturating_sub(before - sockets.len());
        if sockets.is_empty() {
            self.sockets.remove(&user);
        }
        self.metrics.sockets(self.count);
    }
}

impl Hub {
    /// Passes a change to the sockets that watch its order; says to how many.
    fn pass(&self, change: &Change) -> i64 {
        let Some(sockets) = self.sockets.get(&change.user_id) else { return 0 };
        // The text is made once for all sockets of the user.
        let Some(note) = change.update().map(Arc::new) else { return 0 };
        let mut told = 0;
        for socket in sockets.iter().filter(|socket| socket.order.is_none_or(|order| order == change.order_id)) {
            socket.pass(Told::Update(note.clone()));
            self.metrics.pushed();
            told += 1;
        }
        told
    }
}

struct Tell(Vec<Change>);

impl Message for Tell {
    type Result = ();
}

impl Handler<Tell> for Hub {
    type Result = ();

    fn handle(&mut self, Tell(changes): Tell, _: &mut Context<Self>) {
        let since = SystemTime::now();
        for change in changes {
            let told = self.pass(&change);
            if told > 0 {
                self.tracer.record(change.trace, since, || {
                    let span = Span::new(SpanKind::Internal, "push order");
                    span.with("gozon.order.id", change.order_id.to_string()).with("gozon.push.sockets", told)
                });
            }
        }
    }
}

struct CloseAll;

impl Message for CloseAll {
    type Result = ();
}

impl Handler<CloseAll> for Hub {
    type Result = ();

    fn handle(&mut self, _: CloseAll, _: &mut Context<Self>) {
        self.limits.instance = 0;
        for Socket { queue, overflow, .. } in self.sockets.drain().flat_map(|(_, sockets)| sockets) {
            // First the queue: by that a socket knows why it has to end.
            drop(queue);
            overflow.raise();
        }
    }
}

struct CatchUp(Micros);

impl Message for CatchUp {
    type Result = ();
}

impl Handler<CatchUp> for Hub {
    type Result = ();

    fn handle(&mut self, CatchUp(since): CatchUp, _: &mut Context<Self>) {
        self.sockets.values().flatten().for_each(|socket| socket.pass(Told::CatchUp(since)));
    }
}

/// The way to the hub. A cheap clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct HubHandle(Addr<Hub>);

impl HubHandle {
    /// Starts the actor on the current arbiter.
    pub fn start(limits: SocketLimits, metrics: PushMetrics, tracer: Tracer) -> Self {
        Self(Supervisor::start(move |_| Hub { sockets: HashMap::new(), count: 0, next_id: 0, limits, metrics, tracer }))
    }

    /// Registers a socket: from now on it is told. `None` when there are too many.
    pub async fn join(&self, user: UserId, order: Option<OrderId>) -> Option<Seat> {
        let (id, told, overflow) = self.0.send(Join { user: user.clone(), order }).await.ok()??;
        Some(Seat { told, overflow, user, id, hub: self.0.clone() })
    }

    /// Passes changes to the sockets of their users.
    #[expect(clippy::disallowed_methods, reason = "the handler only moves it into bounded queues")]
    pub fn tell(&self, changes: Vec<Change>) {
        self.0.do_send(Tell(changes));
    }

    /// Has all sockets look into the database for changes since then.
    #[expect(clippy::disallowed_methods, reason = "once for each connection to the broker")]
    pub fn catch_up(&self, since: Micros) {
        self.0.do_send(CatchUp(since));
    }

    /// Lets all sockets go, and takes no more: the process is about to stop.
    pub async fn close(&self) {
        if self.0.send(CloseAll).await.is_err() {
            tracing::debug!("the hub is gone already");
        }
    }

    /// Whether the actor is there.
    pub fn alive(&self) -> bool {
        self.0.connected()
    }
}
