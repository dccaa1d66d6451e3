//! Which states are one. Fewer states, and yet none that can go wrong is missed: what a merged state may do, each of its states may do
//! or come to by steps that change nothing else. A test compares with the states as they are.
//! Absent: anything that depends on what the letters say.

use crate::{Desk, Instance, Post, Row, Service, Shop, State};
use std::hash::{DefaultHasher, Hash, Hasher};

impl<const N: usize> Shop<N> {
    /// The state that stands for this one.
    ///
    /// When faults are not counted:
    /// - Who holds a row, or nobody, is one: leases run out and sweeps come from each of these to any other.
    /// - A row whose letter has come to the broker is as good as none: all that it can do is that the letter comes again.
    /// - Work that is committed is as good as acknowledged: all that a fault can do now is, again, that the letter comes again.
    pub fn merge(&self, mut state: State<N>) -> State<N> {
        if self.faults.is_none() {
            forget(&mut state);
        }
        // Whether the rows still say who holds them.
        let held = self.faults.is_some();
        for service in [Service::Orders, Service::Payments].into_iter().filter(|_| self.nameless) {
            let [a, b] = Instance::BOTH.map(|instance| signature(&state, service, instance, held));
            if a > b {
                exchange(&mut state, service, held);
            }
        }
        state
    }
}

fn forget<const N: usize>(state: &mut State<N>) {
    for at in State::<N>::everywhere() {
        let mail = state.at_mut(at);
        mail.row = match (mail.row, mail.post) {
            (Row::Absent, _) | (_, Post::Waiting | Post::Past) => Row::Absent,
            (Row::Free | Row::Held(_) | Row::Sent(_), Post::Never) => Row::Held(Instance::A),
        };
    }
    for desk in state.desks.iter_mut().flatten() {
        if matches!(desk, Desk::Done(_)) {
            *desk = Desk::Idle;
        }
    }
}

/// What an instance is, but for its name.
fn signature<const N: usize>(state: &State<N>, service: Service, instance: Instance, held: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.desk(service, instance).hash(&mut hasher);
    for at in State::<N>::everywhere().filter(|at| held && at.letter.sender() == service) {
        let row = state.at(at).row;
        (row == Row::Held(instance), row == Row::Sent(instance)).hash(&mut hasher);
    }
    hasher.finish()
}

fn exchange<const N: usize>(state: &mut State<N>, service: Service, held: bool) {
    state.desks[service as usize].swap(0, 1);
    for at in State::<N>::everywhere().filter(|at| held && at.letter.sender() == service) {
        let row = &mut state.at_mut(at).row;
        *row = match *row {
            Row::Held(instance) => Row::Held(instance.other()),
            Row::Sent(instance) => Row::Sent(instance.other()),
            row @ (Row::Absent | Row::Free) => row,
        };
    }
}
