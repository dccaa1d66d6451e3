//! All there is at one moment: both databases, the broker, and what each instance has in memory.
//! Absent: how it changes (steps).
//!
//! Two rows, or two copies of a message, with the same content are one here. What the second copy could do, the fault
//! [`crate::Action::Duplicate`] does, as often as it likes.

use crate::{Letter, Service, Verdict};
use saga::order::{self, CancelCause};

/// One of the two instances of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instance {
    /// One.
    A,
    /// The other.
    B,
}

impl Instance {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A row of `orders`, and what became of it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// Where the saga stands.
    pub state: order::State,
    /// One more with each change.
    pub version: u8,
    /// History: the first final state that it had.
    pub at_last: Option<order::State>,
}

/// What payments' tables say about an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Books {
    /// Its row of `payments`.
    pub verdict: Option<Verdict>,
    /// How many entries took its price.
    pub debits: i8,
    /// How many entries gave it back.
    pub refunds: i8,
}

/// The buyer's row of `accounts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// What is on it.
    pub balance: i8,
    /// How many entries it has; the version that a change checks.
    pub seq: u8,
}

/// A letter's row in its sender's outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// There is none.
    Absent,
    /// Nobody's: its lease is over.
    Free,
    /// An instance has it in memory and will publish it.
    Held(Instance),
    /// An instance has published it and waits for the confirm.
    Sent(Instance),
}

/// A letter at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Post {
    /// It never came.
    Never,
    /// It waits to be delivered.
    Waiting,
    /// It was delivered. It may come again.
    Past,
}

/// A letter, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mail {
    /// In the outbox.
    pub row: Row,
    /// At the broker.
    pub post: Post,
}

/// A letter about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct At {
    /// Which order.
    pub order: usize,
    /// Which letter.
    pub letter: Letter,
}

/// Why an instance does something to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A letter came. It is unacknowledged until the work is over.
    Came(Letter),
    /// Somebody wishes that it be cancelled: an HTTP request, or the look at the clock.
    Wished(CancelCause),
}

/// What a transaction has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// Settling: the order's state and version.
    Order(order::State, u8),
    /// The ledger: the account and the order's verdict.
    Books(Account, Option<Verdict>),
}

/// What an instance is doing. One transaction at a time, as the shop's actors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Desk {
    /// Nothing.
    Idle,
    /// It has read and not yet written.
    Read {
        /// Which order.
        order: usize,
        /// Why.
        cause: Cause,
        /// What it has read.
        seen: Seen,
    },
    /// It has committed, and the letter is not acknowledged yet.
    Done(At),
}

/// All of it, with `N` orders of one buyer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State<const N: usize> {
    /// Orders' table.
    pub orders: [Order; N],
    /// Payments' table and entries.
    pub books: [Books; N],
    /// The buyer's account.
    pub account: Account,
    /// What was put on the account altogether.
    pub paid_in: i8,
    /// Whether the buyer has paid in since it all began.
    pub topped_up: bool,
    /// The letters about each order, in the order of [`Letter::ALL`].
    pub mail: [[Mail; 7]; N],
    /// The instances of orders, then those of payments.
    pub desks: [[Desk; 2]; 2],
    /// How many faults there were, if they are counted.
    pub faults: u8,
}

impl<const N: usize> State<N> {
    /// Every letter there may be.
    pub fn everywhere() -> impl Iterator<Item = At> {
        (0..N).flat_map(|order| Letter::ALL.map(|letter| At { order, letter }))
    }

    /// A letter.
    pub fn at(&self, At { order, letter }: At) -> Mail {
        self.mail[order][letter.index()]
    }

    pub(crate) fn at_mut(&mut self, At { order, letter }: At) -> &mut Mail {
        &mut self.mail[order][letter.index()]
    }

    /// What an instance is doing.
    pub fn desk(&self, service: Service, instance: Instance) -> Desk {
        self.desks[service as usize][instance as usize]
    }

    pub(crate) fn desk_mut(&mut self, service: Service, instance: Instance) -> &mut Desk {
        &mut self.desks[service as usize][instance as usize]
    }

    /// What a transaction of this service reads of an order now.
    pub(crate) fn read(&self, service: Service, order: usize) -> Seen {
        match service {
            Service::Orders => Seen::Order(self.orders[order].state, self.orders[order].version),
            Service::Payments => Seen::Books(self.account, self.books[order].verdict),
        }
    }

    /// What the order took from the account, all in all.
    pub fn net(&self, order: usize) -> i8 {
        self.books[order].debits - self.books[order].refunds
    }

    /// Whether nothing is under way: no letter in an outbox or at the broker, no instance at work.
    pub fn at_rest(&self) -> bool {
        let still = |mail: &Mail| mail.row == Row::Absent && mail.post != Post::Waiting;
        self.mail.iter().flatten().all(still) && self.desks.iter().flatten().all(|desk| *desk == Desk::Idle)
    }
}
