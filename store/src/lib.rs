//! The door to a database: opening it, one unit of work at a time, statements over many rows, and what a failure means.
//! Absent: tables, queries and rules of the business (entities, messaging and the services have those).

pub mod chance;
mod connection;
mod door;
mod fault;
mod files;
mod open;
mod openings;
mod outdated;
mod rows;
mod sessions;
pub mod simulation;
mod sql;
mod time;
mod together;
mod writers;

pub use connection::Connection;
pub use door::Door;
pub use fault::Fault;
#[cfg(feature = "failpoints")]
pub use fault::planted;
pub use files::{FileId, Files};
pub use open::{OpenError, Options, Plans, Store, Tx};
pub use rows::Rows;
pub use sql::Sql;
pub use time::{Clock, Micros};
pub use together::{Part, Together};
