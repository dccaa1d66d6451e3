//! The broker of a simulation: it keeps what reached it, hands it out late, twice, or in another order, and hands it out again when it
//! was not acknowledged. Absent: the way there and back (connection), and how either kind of broker keeps messages.

mod log;
mod queues;

use crate::{
    fault::Fault,
    world::{InstanceId, World},
};
use clap::ValueEnum;
use log::Log;
use messaging::{
    Announcement, Letter,
    broker::{DeadLetter, QUEUES, Queue},
};
use queues::Queues;
use saga::messages::StatusChange;
use serde_json::{Value, json};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::chance;
use tokio::{
    sync::{Notify, broadcast},
    time::{Instant, sleep_until},
};
use uuid::Uuid;

/// As a rule a message takes up to so many milliseconds.
const USUAL_MS: u64 = 3;
/// One that is overtaken takes up to so many.
const REORDERED_MS: u64 = 200;
/// And one that is late up to so many: longer than leases and deadlines.
const DELAYED_MS: u64 = 25_000;
/// After so many milliseconds at most a group misses a member who says nothing.
const SESSION_MS: u64 = 10_000;
/// Announcements that a listener may be behind.
const MOST_UNHEARD: usize = 1_024;

/// Which kind of broker it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// Queues, each message acknowledged by itself.
    #[value(name = "rabbitmq")]
    Queues,
    /// Logs, shared by partition, one offset each.
    #[value(name = "kafka")]
    Log,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queues => "rabbitmq",
            Self::Log => "kafka",
        })
    }
}

/// Somebody who consumes, from one connecting to the next.
pub(crate) type Member = u64;

/// How messages are kept until they are settled.
trait Keep: fmt::Debug + Send {
    fn put(&mut self, queue: &'static str, key: &str, body: Vec<u8>, due: Instant);

    /// Some of the messages that are there, and when there may be more.
    fn take(
        &mut self,
        world: &World,
        queue: &'static str,
        member: Member,
        most: usize,
        now: Instant,
    ) -> (Vec<Parcel>, Option<Instant>);

    fn done(&mut self, parcel: &Parcel);

    /// It comes again.
    fn put_back(&mut self, parcel: Parcel, now: Instant);

    /// It was done, and nobody here has heard of that.
    fn forget_done(&mut self, parcel: Parcel, now: Instant);

    fn join(&mut self, queue: &'static str, member: Member);

    /// That it is gone is noticed then.
    fn leave(&mut self, member: Member, until: Instant);

    /// Shares the messages out in another way; `false` when they are not.
    fn deal_anew(&mut self) -> bool;

    fn empty(&mut self);

    /// Messages that nobody has yet.
    fn waiting(&self) -> usize;
}

/// The broker that all instances share.
#[derive(Debug)]
pub struct Post {
    pub(crate) world: Arc<World>,
    state: Mutex<State>,
    changed: Notify,
    pub(crate) announcements: broadcast::Sender<(InstanceId, Vec<u8>)>,
}

#[derive(Debug)]
struct State {
    kept: Box<dyn Keep>,
    taken: Vec<Taken>,
    announced: Vec<StatusChange>,
    dead: Vec<DeadLetter>,
    poison: Vec<Vec<u8>>,
    blocked_until: Option<Instant>,
    members: Member,
}

/// A letter that has reached the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub id: Uuid,
    /// What it says.
    pub routing_key: String,
    /// The order that it is about.
    pub order: Uuid,
}

/// A message that was handed out.
#[derive(Clone, Debug)]
pub struct Parcel {
    pub(crate) body: Vec<u8>,
    pub(crate) redelivered: bool,
    queue: &'static str,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// It is not there any more.
    Queue,
    /// It stays there.
    Log { partition: usize, offset: usize, assignment: u64 },
}

impl Post {
    /// With nothing in it.
    pub fn new(world: Arc<World>, transport: Transport) -> Arc<Self> {
        let kept: Box<dyn Keep> = match transport {
            Transport::Queues => Box::<Queues>::default(),
            Transport::Log => Box::<Log>::default(),
        };
        let (taken, announced, dead, poison) = Default::default();
        let state = State { kept, taken, announced, dead, poison, blocked_until: None, members: 0 };
        let announcements = broadcast::Sender::new(MOST_UNHEARD);
        Arc::new(Self { world, state: Mutex::new(state), changed: Notify::new(), announcements })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a letter that has reached the broker.
    pub(crate) fn take_in(&self, letter: &Letter) {
        let Some(queue) = QUEUES.iter().find(|queue| queue.routing_keys.contains(&letter.routing_key.as_str())) else {
            return;
        };
        let mut copies = vec![(letter.id, letter.body.clone())];
        if self.world.strikes(Fault::Repeated) {
            copies.push((letter.id, letter.body.clone()));
        }
        if self.world.strikes(Fault::OtherId) {
            let id = chance::id();
            copies.push((id, under(id, &letter.body)));
        }
        for (id, body) in copies {
            let order = subject(body.as_bytes()).and_then(|subject| subject.parse().ok()).unwrap_or_default();
            self.state().taken.push(Taken { id, routing_key: letter.routing_key.clone(), order });
            self.put(queue.name, &letter.partition_key, body.into_bytes());
        }
    }

    /// All letters that have ever reached it.
    pub fn taken(&self) -> Vec<Taken> {
        self.state().taken.clone()
    }

    /// Something that no service wrote.
    pub fn forge(&self, queue: Queue, body: Vec<u8>, poison: bool) {
        self.put(queue.name, &self.world.below(u64::MAX).to_string(), body.clone());
        if poison {
            self.state().poison.push(body);
        }
    }

    fn transit(&self) -> Duration {
        let most = if self.world.strikes(Fault::Delayed) {
            DELAYED_MS
        } else if self.world.strikes(Fault::Reordered) {
            REORDERED_MS
        } else {
            USUAL_MS
        };
        Duration::from_millis(self.world.below(most + 1))
    }

    fn put(&self, queue: &'static str, key: &str, body: Vec<u8>) {
        let due = Instant::now() + self.transit();
        self.change(|kept| kept.put(queue, key, body, due));
    }

    fn change<T>(&self, change: impl FnOnce(&mut dyn Keep) -> T) -> T {
        let changed = change(&mut *self.state().kept);
        self.changed.notify_waiters();
        changed
    }

    /// Takes note that it is handled.
    pub(crate) fn done(&self, parcel: &Parcel) {
        self.change(|kept| kept.done(parcel));
    }

    /// Puts back what was handed out and not acknowledged.
    pub(crate) fn put_back(&self, parcel: Parcel) {
        self.change(|kept| kept.put_back(parcel, Instant::now()));
    }

    /// Does not hear that it was acknowledged.
    pub(crate) fn forget_done(&self, parcel: Parcel) {
        self.change(|kept| kept.forget_done(parcel, Instant::now()));
    }

    /// Somebody consumes from now on.
    pub(crate) fn join(&self, queue: Queue) -> Member {
        let member = {
            let mut state = self.state();
            state.members += 1;
            state.members
        };
        self.change(|kept| kept.join(queue.name, member));
        member
    }

    /// Somebody consumes no more; who says so is believed at once, and who says nothing is missed after a while.
    pub(crate) fn leave(&self, member: Member, says_so: bool) {
        let silent = if says_so { 0 } else { self.world.below(SESSION_MS) };
        let until = Instant::now() + Duration::from_millis(silent);
        self.change(|kept| kept.leave(member, until));
    }

    /// Shares the messages out in another way; `false` when they are not.
    pub fn deal_anew(&self) -> bool {
        self.change(|kept| kept.deal_anew())
    }

    /// Up to so many of the messages that are there for this member. Waits until there is one.
    pub(crate) async fn hand_out(&self, queue: Queue, member: Member, most: usize) -> Vec<Parcel> {
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let (taken, more) = self.state().kept.take(&self.world, queue.name, member, most, now);
            if !taken.is_empty() {
                return taken;
            }
            match more.map(|due| due.max(now + Duration::from_millis(1))) {
                Some(due) => {
                    tokio::select! {
                        biased;
                        () = changed => {}
                        () = sleep_until(due) => {}
                    }
                }
                None => changed.await,
            }
        }
    }

    /// Takes a message that can never be handled.
    pub(crate) fn bury(&self, letter: DeadLetter) {
        self.world.note(format_args!("dead: {}", letter.reason));
        self.state().dead.push(letter);
    }

    /// Says it to whoever listens.
    pub(crate) fn announce(&self, from: InstanceId, announcement: &Announcement) {
        let body = announcement.body.as_bytes();
        if let Ok(announced) = Announcement::read(body) {
            self.state().announced.extend(announced.changed.changes);
        }
        // An error says that nobody listens.
        drop(self.announcements.send((from, body.to_vec())));
    }

    /// Takes nothing until then.
    pub fn block(&self, span: Duration) {
        self.state().blocked_until = Some(Instant::now() + span);
    }

    /// Until when it takes nothing.
    pub(crate) fn blocked_until(&self) -> Option<Instant> {
        self.state().blocked_until.filter(|until| *until > Instant::now())
    }

    /// Forgets everything.
    pub fn empty(&self) {
        self.change(|kept| kept.empty());
    }

    /// Messages that nobody has yet.
    pub fn waiting(&self) -> usize {
        self.state().kept.waiting()
    }

    /// What was announced, by anybody, in order.
    pub fn announced(&self) -> Vec<StatusChange> {
        self.state().announced.clone()
    }

    /// What was found to be poison, and what was.
    pub fn buried(&self) -> (Vec<DeadLetter>, Vec<Vec<u8>>) {
        let state = self.state();
        (state.dead.clone(), state.poison.clone())
    }
}

/// The same letter as somebody would write it who does not remember having written it.
fn under(id: Uuid, body: &str) -> String {
    let Ok(mut body) = serde_json::from_str::<Value>(body) else { return String::new() };
    body["id"] = json!(id);
    body.to_string()
}

/// The order that a message is about, as far as it can be read.
pub(crate) fn subject(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    Some(value.get("subject")?.as_str()?.to_owned())
}
