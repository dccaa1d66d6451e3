//! The rows of both databases as sea-orm models, a file a table; no queries, no rules and no parsing live here.
//!
//! Times are microseconds since the Unix epoch in UTC, money is in minor units (kopecks), and every status or kind is
//! the plain text of the column: reading a meaning into it is the saga's work. The `migration` crate owns the schema
//! and its tests prove that these models fit it.

pub mod messaging;
pub mod orders;
pub mod payments;
