//! The options of the orders service. The only reader of its environment.

use clap::Parser;
use launch::ServiceOptions;

/// Orders: placed at once, paid asynchronously, never lost.
#[derive(Clone, Debug, Parser)]
#[command(version, about)]
pub struct Config {
    /// All of them are common to both services.
    #[command(flatten)]
    pub service: ServiceOptions,
}
