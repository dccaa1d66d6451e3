//! The two shapes of supervised actor that Gozon is made of: the [`Gatherer`], which does what is waiting in one go, and the
//! [`Repeater`], which repeats a step. Absent: what the work is; each capability brings its own.
//!
//! `actix::Supervisor` restarts an actor that stopped, not one that panicked: tokio swallows the panic and the actor is gone
//! without a word. So here all work runs in a task of its own, where a panic ends only that task; the actor hears of it, logs it,
//! counts it and stops, and the supervisor starts it again with fresh state and the same mailbox. A task of its own also means
//! that a transaction is never cancelled half-way because an actor stopped.

mod ask;
mod gatherer;
mod repeater;
mod vitals;

pub use ask::{Admission, Ask, AskError, Reply};
pub use gatherer::{Gatherer, Handle, Limits, Work};
pub use repeater::{Pause, Repeater, RepeaterHandle, Step};
pub use vitals::Vitals;

/// The message of a panic, as far as it has one.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a text")
}
