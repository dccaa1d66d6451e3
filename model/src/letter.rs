//! What the two services write to each other about an order. Absent: ids, amounts and users; a letter's content is all that a receiver
//! decides by.

use saga::order::{CancelCause, DeclineReason, Event};

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// The orders service.
    Orders,
    /// The payments service.
    Payments,
}

/// A letter about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Letter {
    /// orders -> payments: take the money.
    Charge,
    /// orders -> payments: take no money, or give it back.
    Cancel(CancelCause),
    /// payments -> orders: it was taken.
    Succeeded,
    /// payments -> orders: it was not, and will not be.
    Declined,
    /// payments -> orders: it never will be, or was given back.
    Cancelled(CancelCause),
}

impl Letter {
    /// All of them, in the order of [`Letter::index`].
    pub const ALL: [Self; 7] = [
        Self::Charge,
        Self::Cancel(CancelCause::ByUser),
        Self::Cancel(CancelCause::Deadline),
        Self::Succeeded,
        Self::Declined,
        Self::Cancelled(CancelCause::ByUser),
        Self::Cancelled(CancelCause::Deadline),
    ];

    /// Its place in [`Letter::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Charge => 0,
            Self::Cancel(CancelCause::ByUser) => 1,
            Self::Cancel(CancelCause::Deadline) => 2,
            Self::Succeeded => 3,
            Self::Declined => 4,
            Self::Cancelled(CancelCause::ByUser) => 5,
            Self::Cancelled(CancelCause::Deadline) => 6,
        }
    }

    /// Who writes it: in whose outbox it waits.
    pub const fn sender(self) -> Service {
        match self {
            Self::Charge | Self::Cancel(_) => Service::Orders,
            Self::Succeeded | Self::Declined | Self::Cancelled(_) => Service::Payments,
        }
    }

    /// Who reads it.
    pub const fn receiver(self) -> Service {
        match self.sender() {
            Service::Orders => Service::Payments,
            Service::Payments => Service::Orders,
        }
    }

    /// What an answer means for the order's saga; a request means nothing to it.
    pub const fn event(self) -> Option<Event> {
        match self {
            Self::Charge | Self::Cancel(_) => None,
            Self::Succeeded => Some(Event::PaymentSucceeded),
            Self::Declined => Some(Event::PaymentDeclined(DeclineReason::InsufficientFunds)),
            Self::Cancelled(cause) => Some(Event::PaymentCancelled(cause)),
        }
    }
}
