//! How a Gozon process begins and ends: the options that all have, logging, the schema, housekeeping, checks, signals.
//! Absent: the services themselves; their composition roots call this.

mod failpoints;
mod healthcheck;
mod housekeeping;
pub mod logging;
pub mod meaning;
pub mod options;
mod parts;
mod process;
pub mod process_metrics;
mod schema;
mod secrets;
mod telemetry;

/// Of every Gozon process: a quarter of a service's time went into the system's allocator (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use self::telemetry::Telemetry;
pub use failpoints::arm_failpoints;
pub use healthcheck::healthcheck;
pub use housekeeping::{Housekeeping, TakesWrites, Vacuumed};
pub use options::{ServiceOptions, ShopOptions};
pub use parts::{Stores, check, check_that, connect_broker, database, first_look, open_stores, partner, reachable};
pub use process::{Running, StartError, bind, exit_code, serve, stop_signal};
pub use schema::{Migration, Schema};
pub use secrets::{SecretError, with_password};
