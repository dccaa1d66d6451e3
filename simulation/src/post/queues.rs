//! Queues, as RabbitMQ has them: each message goes to whoever asks first, and is gone when it is acknowledged.
//! Absent: what is lost on the way there and back (connection).

use super::{Keep, Member, Parcel, Place};
use crate::world::World;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// All queues.
#[derive(Debug, Default)]
pub(super) struct Queues {
    waiting: BTreeMap<&'static str, Vec<Waiting>>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    due: Instant,
    number: u64,
    body: Vec<u8>,
    redelivered: bool,
}

impl Queues {
    fn push(&mut self, queue: &'static str, body: Vec<u8>, redelivered: bool, due: Instant) {
        let number = self.next;
        self.next += 1;
        self.waiting.entry(queue).or_default().push(Waiting { due, number, body, redelivered });
    }
}

impl Keep for Queues {
    fn put(&mut self, queue: &'static str, _: &str, body: Vec<u8>, due: Instant) {
        self.push(queue, body, false, due);
    }

    /// Half of it is left for another instance, now and then.
    fn take(
        &mut self,
        world: &World,
        queue: &'static str,
        _: Member,
        most: usize,
        now: Instant,
    ) -> (Vec<Parcel>, Option<Instant>) {
        let waiting = self.waiting.entry(queue).or_default();
        waiting.sort_by_key(|message| (message.due, message.number));
        let due = waiting.partition_point(|message| message.due <= now);
        let share = if due > 1 && world.below(2) == 0 { due / 2 } else { due };
        let parcel = |Waiting { body, redelivered, .. }| Parcel { body, redelivered, queue, place: Place::Queue };
        let taken = waiting.drain(..share.min(most)).map(parcel).collect();
        (taken, waiting.first().map(|message| message.due))
    }

    fn done(&mut self, _: &Parcel) {}

    fn put_back(&mut self, parcel: Parcel, now: Instant) {
        self.push(parcel.queue, parcel.body, true, now);
    }

    fn forget_done(&mut self, parcel: Parcel, now: Instant) {
        self.put_back(parcel, now);
    }

    fn join(&mut self, _: &'static str, _: Member) {}

    fn leave(&mut self, _: Member, _: Instant) {}

    fn deal_anew(&mut self) -> bool {
        false
    }

    fn empty(&mut self) {
        self.waiting.clear();
    }

    fn waiting(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }
}
