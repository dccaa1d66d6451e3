//! The window by itself: partitions that come and go, settlements late, early and of another time.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

fn window(prefetch: u16) -> (Arc<Window>, UnboundedReceiver<Dying>) {
    let (dying, dead) = unbounded_channel();
    (Arc::new(Window::new(prefetch, Arc::default(), dying)), dead)
}

fn fetch(window: &Window, partition: i32, offsets: impl IntoIterator<Item = i64>) {
    for offset in offsets {
        window.fetched(partition, offset, None, format!("{partition}/{offset}").as_bytes());
    }
}

fn bodies(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| String::from_utf8_lossy(&delivery.body).into_owned()).collect()
}

#[test]
fn a_position_waits_for_the_first_that_is_open() {
    let (window, _dead) = window(10);
    window.assigned([0, 1]);
    fetch(&window, 0, [5, 6, 7]);
    fetch(&window, 1, [1]);
    let mut took = window.take().expect("not ended");
    assert_eq!(bodies(&took), ["0/5", "0/6", "0/7", "1/1"]);
    took.remove(3).receipt.settle(Settlement::Done);
    took.remove(1).receipt.settle(Settlement::Done);
    assert_eq!(window.news(), [(0, 5), (1, 2)]);
    took.remove(0).receipt.settle(Settlement::Done);
    assert_eq!(window.news(), [(0, 7)]);
    assert_eq!(window.positions(), [(0, 7), (1, 2)]);
    assert_eq!(window.news(), []);
    for _ in 0..REPEATS {
        assert_eq!(window.repeated(), [(0, 7), (1, 2)]);
    }
    assert_eq!(window.repeated(), []);
}

#[test]
fn what_is_settled_after_its_partition_went_does_nothing_to_the_one_that_came_back() {
    let (window, mut dead) = window(10);
    window.assigned([0]);
    fetch(&window, 0, [0, 1, 2]);
    let mut late = window.take().expect("not ended");
    late.remove(0).receipt.settle(Settlement::Done);
    let letter = DeadLetter { id: "x".to_owned(), reason: "none".to_owned(), body: Vec::new() };
    late.remove(0).receipt.settle(Settlement::Dead(Box::new(letter)));
    assert_eq!(window.revoked([0]), [(0, 1)]);
    window.assigned([0]);
    fetch(&window, 0, [1, 2]);
    let again = window.take().expect("not ended");
    assert!(again.iter().all(|delivery| delivery.redelivered));
    window.buried(&dead.try_recv().expect("a dead letter").0);
    late.remove(0).receipt.settle(Settlement::Done);
    assert_eq!(window.news(), [(0, 1)]);
    again.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    assert_eq!(window.news(), [(0, 3)]);
}

#[test]
fn a_log_that_begins_anew_is_read_anew() {
    let (window, _dead) = window(10);
    window.assigned([0]);
    fetch(&window, 0, [100, 101]);
    let old = window.take().expect("not ended");
    fetch(&window, 0, [0, 1]);
    old.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    assert_eq!(window.news(), [(0, 0)]);
    let new = window.take().expect("not ended");
    assert_eq!(bodies(&new), ["0/0", "0/1"]);
    new.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    assert_eq!(window.news(), [(0, 2)]);
}

#[test]
fn an_abandoned_window_is_over_when_the_last_that_is_out_is_settled() {
    let (window, _dead) = window(2);
    window.assigned([0]);
    fetch(&window, 0, [0, 1, 2]);
    let mut took = window.take().expect("not ended");
    window.abandon();
    fetch(&window, 0, [3]);
    assert!(!window.is_over() && window.is_full());
    took.remove(0).receipt.settle(Settlement::Done);
    drop(took);
    assert!(window.is_over());
    assert_eq!(window.news(), [(0, 1)]);
}

#[test]
fn a_window_that_nobody_buries_for_ends_and_passes_none_that_was_dying() {
    let (window, dead) = window(10);
    window.assigned([0]);
    fetch(&window, 0, 0..4);
    let mut took = window.take().expect("not ended");
    let letter = || Box::new(DeadLetter { id: "x".to_owned(), reason: "none".to_owned(), body: Vec::new() });
    took.remove(1).receipt.settle(Settlement::Dead(letter()));
    drop(dead);
    window.give_up();
    assert!(window.take().is_none() && !window.is_over());
    took.remove(1).receipt.settle(Settlement::Dead(letter()));
    took.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    assert!(window.is_over());
    assert_eq!(window.positions(), [(0, 1)]);
}

#[test]
fn fetching_stops_at_twice_the_prefetch_and_goes_on_at_the_prefetch() {
    let (window, _dead) = window(3);
    window.assigned([0]);
    fetch(&window, 0, 0..5);
    assert!(!window.is_full());
    fetch(&window, 0, [5]);
    assert!(window.is_full() && !window.has_room());
    for left in [5, 4, 3] {
        window.take().expect("not ended").remove(0).receipt.settle(Settlement::Done);
        assert_eq!(window.has_room(), left == 3, "{left} are left");
    }
}

/// What happens to a subscription.
#[derive(Clone, Debug)]
enum Happens {
    Assigned(i32),
    Revoked(i32),
    Fetched(i32),
    Taken,
    Settled(usize),
    Returned(usize),
    Dead(usize),
    Buried,
    Committed,
}

fn happens() -> impl Strategy<Value = Happens> {
    let partition = || 0_i32..3;
    let which = any::<usize>;
    prop_oneof![
        1 => partition().prop_map(Happens::Assigned),
        1 => partition().prop_map(Happens::Revoked),
        8 => partition().prop_map(Happens::Fetched),
        4 => Just(Happens::Taken),
        6 => which().prop_map(Happens::Settled),
        2 => which().prop_map(Happens::Returned),
        1 => which().prop_map(Happens::Dead),
        1 => Just(Happens::Buried),
        2 => Just(Happens::Committed),
    ]
}

/// The log, the group's offsets, and what was truly handled.
#[derive(Default)]
struct World {
    owned: BTreeSet<i32>,
    /// The offset that is fetched next, a partition.
    next: HashMap<i32, i64>,
    committed: HashMap<i32, i64>,
    handled: HashSet<String>,
    held: Vec<Delivery>,
}

impl World {
    fn happens(&mut self, what: &Happens, window: &Arc<Window>, dead: &mut UnboundedReceiver<Dying>) {
        match what {
            Happens::Assigned(partition) if self.owned.insert(*partition) => {
                window.assigned([*partition]);
                self.next.insert(*partition, self.committed.get(partition).copied().unwrap_or(0));
            }
            Happens::Revoked(partition) if self.owned.remove(partition) => {
                self.commit(window.revoked([*partition]));
            }
            Happens::Fetched(partition) if self.owned.contains(partition) && !window.is_full() => {
                let next = self.next.entry(*partition).or_default();
                fetch(window, *partition, [*next]);
                *next += 1;
            }
            Happens::Taken => self.held.extend(window.take().expect("not ended")),
            Happens::Settled(which) => self.settle(*which, |_| Settlement::Done),
            Happens::Returned(which) => self.settle(*which, |_| Settlement::Return),
            Happens::Dead(which) => self.settle(*which, |body| {
                let (id, reason) = (body.clone(), "as the dice say".to_owned());
                Settlement::Dead(Box::new(DeadLetter { id, reason, body: body.into_bytes() }))
            }),
            Happens::Buried => {
                if let Ok((parcel, letter)) = dead.try_recv() {
                    self.handled.insert(letter.id);
                    window.buried(&parcel);
                }
            }
            Happens::Committed => {
                self.commit(window.news());
                self.commit(window.repeated());
            }
            Happens::Assigned(_) | Happens::Revoked(_) | Happens::Fetched(_) => {}
        }
    }

    fn settle(&mut self, which: usize, how: impl Fn(String) -> Settlement) {
        if self.held.is_empty() {
            return;
        }
        let Delivery { body, receipt, .. } = self.held.swap_remove(which % self.held.len());
        let body = String::from_utf8(body).expect("text");
        let settlement = how(body.clone());
        if settlement == Settlement::Done {
            self.handled.insert(body);
        }
        receipt.settle(settlement);
    }

    fn commit(&mut self, positions: Vec<(i32, i64)>) {
        for (partition, position) in positions {
            self.committed.insert(partition, position);
            for offset in 0..position {
                assert!(self.handled.contains(&format!("{partition}/{offset}")), "{partition}/{offset} is lost");
            }
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_committed_that_was_not_handled_whatever_comes_and_goes(story in prop::collection::vec(happens(), 0..300)) {
        let (window, mut dead) = window(5);
        let mut world = World::default();
        for what in &story {
            world.happens(what, &window, &mut dead);
        }
        // In the end all that was ever fetched of what we own is handled and committed.
        for _ in 0..100 {
            world.happens(&Happens::Taken, &window, &mut dead);
            while !world.held.is_empty() {
                world.happens(&Happens::Settled(0), &window, &mut dead);
            }
            world.happens(&Happens::Buried, &window, &mut dead);
        }
        world.happens(&Happens::Committed, &window, &mut dead);
        for partition in &world.owned {
            let next = world.next.get(partition).copied().unwrap_or(0);
            prop_assert_eq!(world.committed.get(partition).copied().unwrap_or(0), next);
        }
    }
}
