//! The schema history of both databases, the same on PostgreSQL and SQLite; it knows neither entities nor saga.
//!
//! Each database has a folder with its migrator and its migrations; the messaging tables, which both have, are defined
//! once. Instances may start together: [`orders::up`] and [`payments::up`] take a lock first and do all or nothing.

#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait turns `&SchemaManager`, as MigrationTrait spells it, into its signature; `<'_>` would not match"
)]

mod compare_by_bytes;
mod error;
mod exclusive;
mod identity;
mod messaging;
pub mod orders;
pub mod payments;

pub use error::MigrateError;
