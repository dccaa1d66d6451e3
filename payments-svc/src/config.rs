//! The options of the payments service. The only reader of its environment.

use clap::{Parser, Subcommand};
use launch::ServiceOptions;

/// Payments: one account a user, money taken effectively exactly once.
#[derive(Clone, Debug, Parser)]
#[command(version, about)]
pub struct Config {
    /// What to do; serve, unless it is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// All of them are common to both services.
    #[command(flatten)]
    pub service: ServiceOptions,
}

/// The commands besides serving.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
    /// Ask the instance that runs with the same options whether it is ready; exit code 0 when it is, 1 when not
    Healthcheck,
}
