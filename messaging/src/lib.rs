//! The machinery between the services: at-least-once out, once-only in.
//! Absent: what a message means and what follows from it; the services decide that.
//!
//! Out: [`outbox`] rows are written in the transaction that decides, the [`relay`] publishes them through a [`broker`].
//! In: the [`consumer`] hands each message to the service, whose transaction also writes the [`inbox`] key; what cannot be
//! handled is set aside by [`parking`].

pub mod broker;
pub mod consumer;
pub mod event;
pub mod inbox;
mod metrics;
pub mod outbox;
mod pair;
pub mod parking;
pub mod relay;
mod spans;

pub use event::{Announcement, Event, Letter, Poison};
pub use metrics::Metrics;
pub use pair::{Ends, Pair, Whose};
