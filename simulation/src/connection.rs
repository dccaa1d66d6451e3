//! An instance's connection to the simulated broker: what is lost on the way there and back, and what happens when it breaks.
//! Absent: the queues (post).

use crate::{
    fault::Fault,
    post::{self, Member, Parcel, Post},
    world::{InstanceId, World, acting},
};
use async_trait::async_trait;
use messaging::{
    Announcement, Letter,
    broker::{Broker, Delivery, Heard, Listener, PublishError, Queue, Receipt, Settle, Settlement, Subscription},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, broadcast, watch},
    time::{sleep_until, timeout},
};

/// One way takes up to so many milliseconds.
const WAY_MS: u64 = 3;
/// A publisher gives up waiting for a broker that takes nothing.
const GIVES_UP: Duration = Duration::from_secs(10);

/// One instance's connection. It may break and be there again; the instance keeps it for life.
#[derive(Debug)]
pub struct Connection {
    post: Arc<Post>,
    instance: InstanceId,
    reachable: Reachable,
    state: Mutex<State>,
    /// A delivery was settled: there is room for another one.
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How often it broke. What was handed out before can not be settled any more.
    breaks: u64,
    next_tag: u64,
    unsettled: BTreeMap<u64, Parcel>,
    /// Acknowledged a moment ago: if the connection breaks now, the broker has not heard of it.
    acknowledged: Vec<Parcel>,
    /// Those who consume over it.
    members: Vec<Member>,
}

/// Acknowledgements that may still be on their way.
const ON_THEIR_WAY: usize = 3;

impl Connection {
    /// Connected.
    pub fn new(post: Arc<Post>, instance: InstanceId) -> Arc<Self> {
        Arc::new(Self { post, instance, reachable: Reachable::new(), state: Mutex::default(), settled: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn world(&self) -> &World {
        &self.post.world
    }

    /// Breaks: what is not settled goes back.
    pub fn cut(&self) {
        let State { unsettled, acknowledged, members, .. } = {
            let mut state = self.state();
            let (breaks, next_tag) = (state.breaks + 1, state.next_tag);
            std::mem::replace(&mut *state, State { breaks, next_tag, ..State::default() })
        };
        self.reachable.set(false);
        unsettled.into_values().for_each(|parcel| self.post.put_back(parcel));
        for parcel in acknowledged {
            if self.world().strikes(Fault::AcknowledgementLost) {
                self.post.forget_done(parcel);
            }
        }
        members.into_iter().for_each(|member| self.post.leave(member, false));
        self.settled.notify_waiters();
    }

    /// Is there again.
    pub fn mend(&self) {
        self.reachable.set(true);
    }

    fn breaks(&self) -> u64 {
        self.state().breaks
    }

    /// A letter's way to the broker, and what its sender will hear of it.
    fn send(&self, letter: &Letter) -> Result<(), PublishError> {
        let world = self.world();
        for (fault, error) in [
            (Fault::Lost, PublishError::Unreachable),
            (Fault::Nacked, PublishError::Refused),
            (Fault::Returned, PublishError::Unroutable),
        ] {
            if world.strikes(fault) {
                return Err(error);
            }
        }
        self.post.take_in(letter);
        if world.strikes(Fault::ConfirmLost) { Err(PublishError::Unreachable) } else { Ok(()) }
    }

    /// Waits until the broker takes messages; `false` when that takes too long.
    async fn taken(&self) -> bool {
        let wait = async {
            while let Some(until) = self.post.blocked_until() {
                sleep_until(until).await;
            }
        };
        timeout(GIVES_UP, wait).await.is_ok()
    }
}

/// Whether the connection is there, with a channel for each who wants to hear of it: those who share one are woken in an order that
/// tokio draws by dice of its own.
#[derive(Debug)]
struct Reachable(Mutex<(bool, Vec<watch::Sender<bool>>)>);

impl Reachable {
    fn new() -> Self {
        Self(Mutex::new((true, Vec::new())))
    }

    fn lock(&self) -> MutexGuard<'_, (bool, Vec<watch::Sender<bool>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self) -> bool {
        self.lock().0
    }

    fn set(&self, reachable: bool) {
        let mut state = self.lock();
        state.0 = reachable;
        state.1.retain(|listener| listener.receiver_count() > 0);
        for listener in &state.1 {
            listener.send_replace(reachable);
        }
    }

    fn subscribe(&self) -> watch::Receiver<bool> {
        let mut state = self.lock();
        let (sender, receiver) = watch::channel(state.0);
        state.1.push(sender);
        receiver
    }
}

/// [`Connection`] as the services know it.
#[derive(Clone, Debug)]
pub struct Line(pub Arc<Connection>);

#[async_trait]
impl Broker for Line {
    async fn publish(&self, batch: &[Letter]) -> Vec<Result<(), PublishError>> {
        let Self(connection) = self;
        let (world, breaks) = (connection.world(), connection.breaks());
        world.may_die(Fault::KilledBeforePublish).await;
        world.may_panic(Fault::Panicked);
        world.wait_up_to(WAY_MS).await;
        let there = connection.reachable.get() && connection.taken().await && connection.breaks() == breaks;
        if !there {
            return vec![Err(PublishError::Unreachable); batch.len()];
        }
        let answers: Vec<_> = batch.iter().map(|letter| connection.send(letter)).collect();
        world.note(format_args!("publishes {}", told(batch, &answers)));
        world.may_die(Fault::KilledBeforeConfirm).await;
        world.wait_up_to(WAY_MS).await;
        if connection.breaks() == breaks { answers } else { vec![Err(PublishError::Unreachable); batch.len()] }
    }

    fn system(&self) -> &'static str {
        "simulated"
    }

    fn lanes(&self) -> usize {
        4
    }

    fn reachable(&self) -> watch::Receiver<bool> {
        self.0.reachable.subscribe()
    }

    fn subscribe(&self, queue: Queue, prefetch: u16) -> Box<dyn Subscription> {
        Box::new(Queued { connection: self.0.clone(), queue, prefetch: usize::from(prefetch), member: None })
    }

    async fn announce(&self, announcement: Announcement) {
        self.0.world().wait_up_to(WAY_MS).await;
        if self.0.reachable.get() {
            self.0.post.announce(self.0.instance, &announcement);
        }
    }

    fn listen(&self) -> Box<dyn Listener> {
        Box::new(Ear {
            heard: self.0.post.announcements.subscribe(),
            reachable: self.0.reachable.subscribe(),
            said: VecDeque::from([Heard::Back]),
        })
    }

    fn keeps_dead_letters(&self) -> bool {
        true
    }

    async fn close(&self) {
        self.0.cut();
    }
}

fn told(batch: &[Letter], answers: &[Result<(), PublishError>]) -> String {
    let told = |(letter, answer): (&Letter, &Result<(), PublishError>)| {
        let outcome = answer.map_or_else(|error| error.to_string(), |()| "confirmed".to_owned());
        format!("{} {} ({outcome})", letter.routing_key, subject(letter.body.as_bytes()))
    };
    batch.iter().zip(answers).map(told).collect::<Vec<_>>().join(", ")
}

fn subject(body: &[u8]) -> String {
    post::subject(body).unwrap_or_else(|| "?".to_owned())
}

struct Queued {
    connection: Arc<Connection>,
    queue: Queue,
    prefetch: usize,
    /// Since so many breaks.
    member: Option<(u64, Member)>,
}

#[async_trait]
impl Subscription for Queued {
    async fn next(&mut self) -> Option<Vec<Delivery>> {
        let connection = self.connection.clone();
        let Connection { reachable, settled, post, .. } = &*connection;
        loop {
            reachable.subscribe().wait_for(|reachable| *reachable).await.ok()?;
            let room = settled.notified();
            let free = self.prefetch.saturating_sub(self.connection.state().unsettled.len());
            if free == 0 {
                room.await;
                continue;
            }
            if !self.connection.state().unsettled.is_empty() {
                post.world.may_panic(Fault::ConsumerPanicked);
            }
            let breaks = self.connection.breaks();
            let member = self.member();
            let parcels = tokio::select! {
                biased;
                parcels = post.hand_out(self.queue, member, free) => parcels,
                // There is more room, or the connection has broken.
                () = room => continue,
            };
            if self.connection.breaks() == breaks && reachable.get() {
                return Some(parcels.into_iter().map(|parcel| self.hand_out(parcel, breaks)).collect());
            }
            parcels.into_iter().for_each(|parcel| post.put_back(parcel));
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if let Some((_, member)) = self.member {
            self.connection.post.leave(member, true);
        }
    }
}

impl Queued {
    /// Who we are over this connection.
    fn member(&mut self) -> Member {
        let breaks = self.connection.breaks();
        if let Some((_, member)) = self.member.filter(|(since, _)| *since == breaks) {
            return member;
        }
        let member = self.connection.post.join(self.queue);
        self.connection.state().members.push(member);
        self.member = Some((breaks, member));
        member
    }

    fn hand_out(&self, parcel: Parcel, breaks: u64) -> Delivery {
        let (body, redelivered) = (parcel.body.clone(), parcel.redelivered);
        self.connection.world().note(format_args!("receives {}", subject(&body)));
        let mut state = self.connection.state();
        let tag = state.next_tag;
        state.next_tag += 1;
        state.unsettled.insert(tag, parcel);
        drop(state);
        let to = Arc::new(Settlements { connection: self.connection.clone(), breaks });
        Delivery { body, redelivered, receipt: Receipt::new(tag, to) }
    }
}

/// Settlements of what was handed out since the connection broke last.
struct Settlements {
    connection: Arc<Connection>,
    breaks: u64,
}

impl Settle for Settlements {
    fn settle(&self, tag: u64, settlement: Settlement) {
        let mut state = self.connection.state();
        if state.breaks != self.breaks {
            return;
        }
        let Some(parcel) = state.unsettled.remove(&tag) else { return };
        match &settlement {
            Settlement::Done => {
                state.acknowledged.push(parcel.clone());
                let old = state.acknowledged.len().saturating_sub(ON_THEIR_WAY);
                state.acknowledged.drain(..old);
            }
            Settlement::Return | Settlement::Dead(_) => {}
        }
        drop(state);
        acting(self.connection.instance, || {
            self.connection.world().note(format_args!("settles {}", subject(&parcel.body)))
        });
        match settlement {
            Settlement::Done => self.connection.post.done(&parcel),
            Settlement::Return => self.connection.post.put_back(parcel),
            Settlement::Dead(letter) => {
                self.connection.post.bury(*letter);
                self.connection.post.done(&parcel);
            }
        }
        self.connection.settled.notify_waiters();
    }
}

struct Ear {
    heard: broadcast::Receiver<(InstanceId, Vec<u8>)>,
    reachable: watch::Receiver<bool>,
    said: VecDeque<Heard>,
}

#[async_trait]
impl Listener for Ear {
    async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(said) = self.said.pop_front() {
                return Some(said);
            }
            if !*self.reachable.borrow_and_update() {
                self.reachable.wait_for(|reachable| *reachable).await.ok()?;
                // What was said meanwhile is gone.
                self.heard = self.heard.resubscribe();
                self.said.push_back(Heard::Back);
                return Some(Heard::Lost);
            }
            tokio::select! {
                biased;
                changed = self.reachable.changed() => changed.ok()?,
                heard = self.heard.recv() => match heard {
                    Ok((_, body)) => return Some(Heard::Message(body)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.said.push_back(Heard::Back);
                        return Some(Heard::Lost);
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }
}
