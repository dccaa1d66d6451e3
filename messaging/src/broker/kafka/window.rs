//! What one subscription has under way, between the thread that fetches and the task that handles; behind a lock that nobody holds
//! while waiting. Absent: librdkafka; everything here can be tested without a broker.

use super::watermark::Watermark;
use crate::broker::{DeadLetter, Delivery, Receipt, Settle, Settlement};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, mpsc::UnboundedSender, watch};
use tokio_util::sync::CancellationToken;

/// Deliveries handed out in one go.
const MOST_AT_ONCE: usize = 1024;
/// Messages fetched, as a multiple of the prefetch: what is handled, and as much again so that nobody waits for the next fetch.
const AHEAD: usize = 2;

/// How often the broker is asked once more to note a position. An answer that says no may pass (its coordinator is moving), and
/// rdkafka keeps it to itself.
const REPEATS: u8 = 3;

/// A message with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parcel {
    pub partition: i32,
    pub offset: i64,
    /// Which assignment of the partition it belongs to.
    generation: u64,
    pub key: Option<Vec<u8>>,
    pub body: Vec<u8>,
    redelivered: bool,
}

/// A message that can never be handled, on its way to the dead letters.
pub(super) type Dying = (Parcel, DeadLetter);

/// What the subscriptions of this process to one topic know of each other.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    /// What was handed out, whichever did: the offset behind the highest, a partition.
    handed_out: Mutex<HashMap<i32, i64>>,
    /// How many were abandoned and are not over.
    leaving: watch::Sender<usize>,
}

impl Siblings {
    /// Takes note, and says whether it was handed out before.
    fn hands_out_again(&self, partition: i32, offset: i64) -> bool {
        let mut handed_out = self.handed_out.lock().unwrap_or_else(PoisonError::into_inner);
        let next = handed_out.entry(partition).or_insert(offset);
        let again = offset < *next;
        *next = (*next).max(offset + 1);
        again
    }

    /// Waits until nobody is about to leave: who joins meanwhile would keep them from committing, and have it all come again.
    pub async fn all_left(&self) {
        let mut leaving = self.leaving.subscribe();
        // The sender is ours.
        drop(leaving.wait_for(|leaving| *leaving == 0).await);
    }
}

/// One subscription's window on the log.
pub(super) struct Window {
    state: Mutex<State>,
    changed: Notify,
    prefetch: usize,
    siblings: Arc<Siblings>,
    dying: UnboundedSender<Dying>,
    over: CancellationToken,
}

#[derive(Default)]
struct State {
    partitions: BTreeMap<i32, Assigned>,
    generations: u64,
    waiting: VecDeque<Parcel>,
    out: HashMap<u64, Parcel>,
    dying: usize,
    next_tag: u64,
    /// Nobody takes any more; what is out may still be settled.
    abandoned: bool,
    /// Nobody fetches any more.
    ended: bool,
    /// A partition came since this was asked last; it is not paused.
    assigned: bool,
}

struct Assigned {
    generation: u64,
    mark: Watermark,
    /// What the broker was asked to note last.
    asked: Option<i64>,
    /// How often it shall be asked once more.
    repeats: u8,
}

impl Window {
    pub fn new(prefetch: u16, siblings: Arc<Siblings>, dying: UnboundedSender<Dying>) -> Self {
        let (state, changed) = (Mutex::default(), Notify::new());
        Self { state, changed, prefetch: usize::from(prefetch), siblings, dying, over: CancellationToken::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic leaves at worst a message that is neither waiting nor out: it stays open, and comes again with the next assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These partitions are ours from now on.
    pub fn assigned(&self, partitions: impl IntoIterator<Item = i32>) {
        let mut state = self.lock();
        partitions.into_iter().for_each(|partition| state.begin(partition));
        state.assigned = true;
    }

    /// These are ours no longer: what is under way of them is forgotten. Returns where the new owners have to begin.
    pub fn revoked(&self, partitions: impl IntoIterator<Item = i32>) -> Vec<(i32, i64)> {
        let mut state = self.lock();
        let positions = partitions.into_iter().filter_map(|partition| state.end(partition)).collect();
        drop(state);
        self.changed.notify_one();
        positions
    }

    /// A message came. One of an offset that we are past is of another log than before: the topic was made anew.
    pub fn fetched(&self, partition: i32, offset: i64, key: Option<&[u8]>, body: &[u8]) {
        let mut state = self.lock();
        if state.abandoned {
            return;
        }
        if state.partitions.get(&partition).is_none_or(|assigned| assigned.mark.is_past(offset)) {
            state.begin(partition);
        }
        let Some(assigned) = state.partitions.get_mut(&partition) else { return };
        assigned.mark.fetched(offset);
        let (generation, key, body) = (assigned.generation, key.map(<[u8]>::to_vec), body.to_vec());
        state.waiting.push_back(Parcel { partition, offset, generation, key, body, redelivered: false });
        drop(state);
        self.changed.notify_one();
    }

    /// Whether no more should be fetched for now.
    pub fn is_full(&self) -> bool {
        let state = self.lock();
        state.abandoned || state.fetched() >= self.prefetch * AHEAD
    }

    /// Whether more should be fetched again.
    pub fn has_room(&self) -> bool {
        let state = self.lock();
        !state.abandoned && state.fetched() <= self.prefetch
    }

    /// Whether partitions came since this was asked last.
    pub fn take_assigned(&self) -> bool {
        std::mem::take(&mut self.lock().assigned)
    }

    /// Positions that the broker was not asked to note yet. From now on it was.
    pub fn news(&self) -> Vec<(i32, i64)> {
        self.lock().positions(Assigned::news)
    }

    /// Positions that the broker was asked to note not long ago: nobody says whether it has.
    pub fn repeated(&self) -> Vec<(i32, i64)> {
        self.lock().positions(Assigned::repeated)
    }

    /// All positions.
    pub fn positions(&self) -> Vec<(i32, i64)> {
        self.lock().positions(|one| one.mark.position())
    }

    /// Waits until there may be something else to take.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What may be handed out now; `None` when there will be nothing any more.
    pub fn take(self: &Arc<Self>) -> Option<Vec<Delivery>> {
        let mut state = self.lock();
        if state.ended || state.abandoned {
            return None;
        }
        let room = self.prefetch.saturating_sub(state.out.len() + state.dying).min(MOST_AT_ONCE);
        let room = room.min(state.waiting.len());
        let taken: Vec<_> = state.waiting.drain(..room).collect();
        Some(taken.into_iter().map(|parcel| self.hand_out(&mut state, parcel)).collect())
    }

    fn hand_out(self: &Arc<Self>, state: &mut State, parcel: Parcel) -> Delivery {
        let tag = state.next_tag;
        state.next_tag += 1;
        let redelivered = self.siblings.hands_out_again(parcel.partition, parcel.offset) || parcel.redelivered;
        let receipt = Receipt::new(tag, self.clone());
        let delivery = Delivery { body: parcel.body.clone(), redelivered, receipt };
        state.out.insert(tag, parcel);
        delivery
    }

    /// A dead letter is where an operator finds it.
    pub fn buried(&self, parcel: &Parcel) {
        let mut state = self.lock();
        state.dying -= 1;
        state.done(parcel);
        drop(state);
        self.changed.notify_one();
    }

    /// Nobody takes any more; what was not handed out is let go.
    pub fn abandon(&self) {
        let mut state = self.lock();
        if !state.ended {
            self.siblings.leaving.send_modify(|leaving| *leaving += usize::from(!state.abandoned));
        }
        state.abandoned = true;
        state.waiting.clear();
    }

    /// Nobody buries any more, and takes what dies. It stays open, and comes again to the next subscription.
    pub fn give_up(&self) {
        self.abandon();
        self.lock().dying = 0;
        self.changed.notify_one();
    }

    /// Whether there is nothing left to be done for anybody.
    pub fn is_over(&self) -> bool {
        let state = self.lock();
        state.abandoned && state.out.is_empty() && state.dying == 0
    }

    /// Is cancelled when nobody fetches any more.
    pub fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// Nobody fetches any more.
    pub fn end(&self) {
        let mut state = self.lock();
        if state.abandoned && !state.ended {
            self.siblings.leaving.send_modify(|leaving| *leaving -= 1);
        }
        (state.ended, state.waiting) = (true, VecDeque::new());
        drop(state);
        self.over.cancel();
        self.changed.notify_one();
    }
}

impl Settle for Window {
    fn settle(&self, tag: u64, settlement: Settlement) {
        let mut state = self.lock();
        let Some(parcel) = state.out.remove(&tag) else { return };
        match settlement {
            Settlement::Done => state.done(&parcel),
            Settlement::Return if state.abandoned => {}
            Settlement::Return => state.waiting.push_front(Parcel { redelivered: true, ..parcel }),
            Settlement::Dead(letter) => {
                // An error says that the broker is closed: it stays open, and somebody else will find it dead.
                state.dying += usize::from(self.dying.send((parcel, *letter)).is_ok());
            }
        }
        drop(state);
        self.changed.notify_one();
    }
}

impl State {
    fn begin(&mut self, partition: i32) {
        self.end(partition);
        self.generations += 1;
        let (generation, mark) = (self.generations, Watermark::default());
        self.partitions.insert(partition, Assigned { generation, mark, asked: None, repeats: 0 });
    }

    fn end(&mut self, partition: i32) -> Option<(i32, i64)> {
        let ended = self.partitions.remove(&partition)?;
        self.waiting.retain(|parcel| parcel.partition != partition);
        self.out.retain(|_, parcel| parcel.partition != partition);
        Some((partition, ended.mark.position()?))
    }

    fn positions(&mut self, of: impl Fn(&mut Assigned) -> Option<i64>) -> Vec<(i32, i64)> {
        self.partitions.iter_mut().filter_map(|(&number, one)| Some((number, of(one)?))).collect()
    }

    fn done(&mut self, parcel: &Parcel) {
        if let Some(assigned) = self.partitions.get_mut(&parcel.partition)
            && assigned.generation == parcel.generation
        {
            assigned.mark.settled(parcel.offset);
        }
    }

    fn fetched(&self) -> usize {
        self.waiting.len() + self.out.len() + self.dying
    }
}

impl Assigned {
    fn news(&mut self) -> Option<i64> {
        let position = self.mark.position().filter(|position| self.asked != Some(*position))?;
        (self.asked, self.repeats) = (Some(position), REPEATS);
        self.asked
    }

    fn repeated(&mut self) -> Option<i64> {
        self.repeats = self.repeats.checked_sub(1)?;
        self.asked
    }
}

#[cfg(test)]
mod tests;
