//! The load generator: raw HTTP/1.1 on kept connections, one thread, no allocation a request.
//! Absent: the meaning of answers beyond their status; whether the books are right is the audit's business.

pub mod closed;
mod connection;
pub mod flood;
pub mod open;
pub mod requests;
mod watch;

pub use connection::Connection;
pub use watch::{Seen, Watch};
