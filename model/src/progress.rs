//! How much is left to do: a number that falls with every step that the shop takes by itself. So once nothing from outside happens any
//! more, the shop comes to rest, whatever state it is in and whichever step it takes first.
//! Absent: faults, wishes and top-ups, which may add to it.

use crate::{Desk, Letter, Post, Row, Service, State, Verdict};
use saga::order;

/// What is left: changes of orders and verdicts, which come first, then the work with letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    changes: u16,
    work: u16,
}

impl Left {
    /// What is left from here.
    pub fn of<const N: usize>(state: &State<N>) -> Self {
        let orders = state.orders.iter().map(|order| match order.state {
            order::State::New => 2,
            order::State::Cancelling(_) => 1,
            order::State::Finished | order::State::Declined(_) | order::State::Cancelled(_) => 0,
        });
        let verdicts = state.books.iter().map(|books| match books.verdict {
            None => 2,
            Some(Verdict::Succeeded) => 1,
            Some(Verdict::Declined | Verdict::Fenced(_) | Verdict::Refunded(_)) => 0,
        });
        let letters = State::<N>::everywhere().map(|at| letter(at.letter, state.at(at).row, state.at(at).post));
        let desks = [Service::Orders, Service::Payments]
            .map(|service| state.desks[service as usize].iter().map(|one| desk(state, service, *one)).sum::<u16>());
        Self { changes: orders.chain(verdicts).sum(), work: letters.chain(desks).sum() }
    }
}

/// To acknowledge.
const DONE: u16 = 1;
/// To confirm.
const SENT: u16 = 1;

/// What a commit may add without changing anything: the same answer again.
const fn follows(receiver: Service) -> u16 {
    match receiver {
        Service::Orders => 0,
        Service::Payments => held(Letter::Succeeded),
    }
}

/// To commit what was read and has not changed since.
const fn fresh(service: Service) -> u16 {
    DONE + follows(service) + 1
}

/// To read it again first.
const fn stale(service: Service) -> u16 {
    fresh(service) + 1
}

const fn waiting(letter: Letter) -> u16 {
    stale(letter.receiver()) + 1
}

const fn held(letter: Letter) -> u16 {
    SENT + waiting(letter) + 1
}

const fn letter(letter: Letter, row: Row, post: Post) -> u16 {
    let to_send = match row {
        Row::Absent => 0,
        Row::Sent(_) => SENT,
        Row::Held(_) => held(letter),
        Row::Free => held(letter) + 1,
    };
    match post {
        Post::Waiting => to_send + waiting(letter),
        Post::Never | Post::Past => to_send,
    }
}

fn desk<const N: usize>(state: &State<N>, service: Service, desk: Desk) -> u16 {
    match desk {
        Desk::Idle => 0,
        Desk::Read { order, seen, .. } => {
            if seen == state.read(service, order) {
                fresh(service)
            } else {
                stale(service)
            }
        }
        Desk::Done(_) => DONE,
    }
}
