//! Telling those who watch: every change of an order reaches the sockets of its user, on whichever instance they are.
//! Absent: durability. The database is the source; a client that was away resumes from it by its cursor.
//!
//! A commit's changes go to this instance's [`hub`] at once and through the broker to the other instances'. A socket is registered
//! first and reads the database then, so between snapshot and live there is no gap; its [`socket`] keeps versions from going back.

mod announce;
pub mod change;
pub mod hub;
mod recent;
pub mod socket;

pub use announce::{Announcer, Listening, News};
pub use recent::Recent;

use std::time::Duration;

/// How much earlier than its cursor a resume looks. A change is stamped before its commit, and clocks of two machines differ; a
/// statement may take 20 s at most, so this covers both. What is sent twice does no harm.
pub const OVERLAP: Duration = Duration::from_secs(60);
