//! The options of the payments service. The only reader of its environment.

use clap::Parser;
use launch::ServiceOptions;

/// Payments: one account a user, money taken effectively exactly once.
#[derive(Clone, Debug, Parser)]
#[command(version, about)]
pub struct Config {
    /// All of them are common to both services.
    #[command(flatten)]
    pub service: ServiceOptions,
}
