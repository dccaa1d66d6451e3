//! The door to a database: opening it, one unit of work at a time, statements over many rows, and what a failure means.
//! Absent: tables, queries and rules of the business (entities, messaging and the services have those).

mod fault;
mod open;
mod rows;
mod time;

pub use fault::Fault;
pub use open::{OpenError, Options, Store, Tx};
pub use rows::{Rows, Sql};
pub use time::{Clock, Micros};
