//! Logs, as Kafka has them: a partition keeps its messages in order and for ever, belongs to one member of the group at a time, and
//! remembers one offset, before which everything is settled. Who gets a partition begins there.
//! Absent: what is lost on the way there and back (connection).

use super::{Keep, Member, Parcel, Place};
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tokio::time::Instant;

/// Of each topic: more than instances, so that they are shared unevenly.
const PARTITIONS: usize = 3;

/// All topics.
#[derive(Debug, Default)]
pub(super) struct Log(BTreeMap<&'static str, Topic>);

#[derive(Debug, Default)]
struct Topic {
    partitions: [Partition; PARTITIONS],
    /// Who shares them, and until when the group believes that somebody who says nothing any more is there.
    members: BTreeMap<Member, Option<Instant>>,
    /// Who comes first when they are dealt.
    first: usize,
}

#[derive(Debug, Default)]
struct Partition {
    messages: Vec<(Instant, Vec<u8>)>,
    committed: usize,
    owner: Option<Member>,
    /// Counts owners: what one settles when it is another's does nothing.
    assignment: u64,
    next: usize,
    settled: BTreeSet<usize>,
    again: VecDeque<usize>,
}

impl Partition {
    fn assign(&mut self, owner: Option<Member>) {
        self.owner = owner;
        self.assignment += 1;
        self.next = self.committed;
        self.settled.clear();
        self.again.clear();
    }

    fn take(&mut self, now: Instant) -> Option<(usize, bool)> {
        if let Some(offset) = self.again.pop_front() {
            return Some((offset, true));
        }
        let offset = self.next;
        self.messages.get(offset).filter(|(due, _)| *due <= now)?;
        self.next += 1;
        Some((offset, false))
    }

    fn next_due(&self) -> Option<Instant> {
        self.messages.get(self.next).map(|(due, _)| *due)
    }
}

impl Topic {
    /// Only what changes its owner is interrupted.
    fn deal(&mut self) {
        let members: Vec<_> = self.members.keys().copied().collect();
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            let owner = members.get((number + self.first) % members.len().max(1)).copied();
            if partition.owner != owner {
                partition.assign(owner);
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        let before = self.members.len();
        self.members.retain(|_, until| until.is_none_or(|until| until > now));
        if self.members.len() < before {
            self.deal();
        }
    }
}

impl Log {
    fn partition(&mut self, parcel: &Parcel) -> Option<(&mut Partition, usize)> {
        let Place::Log { partition, offset, assignment } = parcel.place else { return None };
        let partition = &mut self.0.get_mut(parcel.queue)?.partitions[partition];
        (partition.assignment == assignment).then_some((partition, offset))
    }
}

impl Keep for Log {
    fn put(&mut self, queue: &'static str, key: &str, body: Vec<u8>, due: Instant) {
        let number = key.bytes().map(usize::from).sum::<usize>() % PARTITIONS;
        let messages = &mut self.0.entry(queue).or_default().partitions[number].messages;
        // Nobody overtakes.
        let due = messages.last().map_or(due, |(last, _)| due.max(*last));
        messages.push((due, body));
    }

    fn take(
        &mut self,
        _: &World,
        queue: &'static str,
        member: Member,
        most: usize,
        now: Instant,
    ) -> (Vec<Parcel>, Option<Instant>) {
        let (topic, mut taken) = (self.0.entry(queue).or_default(), Vec::new());
        topic.expire(now);
        for (number, partition) in topic.partitions.iter_mut().enumerate() {
            if partition.owner != Some(member) {
                continue;
            }
            while taken.len() < most
                && let Some((offset, redelivered)) = partition.take(now)
            {
                let place = Place::Log { partition: number, offset, assignment: partition.assignment };
                taken.push(Parcel { body: partition.messages[offset].1.clone(), redelivered, queue, place });
            }
        }
        let mine = topic.partitions.iter().filter(|partition| partition.owner == Some(member));
        let due = mine.filter_map(Partition::next_due).chain(topic.members.values().filter_map(|until| *until)).min();
        (taken, due)
    }

    fn done(&mut self, parcel: &Parcel) {
        let Some((partition, offset)) = self.partition(parcel) else { return };
        partition.settled.insert(offset);
        while partition.settled.remove(&partition.committed) {
            partition.committed += 1;
        }
    }

    fn put_back(&mut self, parcel: Parcel, _: Instant) {
        if let Some((partition, offset)) = self.partition(&parcel) {
            partition.again.push_back(offset);
        }
    }

    fn forget_done(&mut self, parcel: Parcel, _: Instant) {
        if let Some((partition, offset)) = self.partition(&parcel) {
            partition.committed = partition.committed.min(offset);
        }
    }

    fn join(&mut self, queue: &'static str, member: Member) {
        let topic = self.0.entry(queue).or_default();
        topic.members.insert(member, None);
        topic.deal();
    }

    fn leave(&mut self, member: Member, until: Instant) {
        for topic in self.0.values_mut() {
            if let Some(believed) = topic.members.get_mut(&member) {
                *believed = Some(believed.map_or(until, |earlier| earlier.min(until)));
            }
        }
    }

    fn deal_anew(&mut self) -> bool {
        let shared = self.0.values().any(|topic| topic.members.len() > 1);
        for topic in self.0.values_mut() {
            topic.first += 1;
            topic.deal();
        }
        shared
    }

    fn empty(&mut self) {
        for partition in self.0.values_mut().flat_map(|topic| &mut topic.partitions) {
            let owner = partition.owner;
            (partition.messages, partition.committed) = (Vec::new(), 0);
            partition.assign(owner);
        }
    }

    fn waiting(&self) -> usize {
        let partitions = self.0.values().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.messages.len() - partition.next + partition.again.len()).sum()
    }
}
