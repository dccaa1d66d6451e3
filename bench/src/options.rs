//! The command line of the benchmarks. Absent: the environment; what was measured must be readable from the command.

use crate::{lab::Deployment, scenario::Name};
use std::{path::PathBuf, time::Duration};

/// One measurement of the quick run.
const QUICK: Duration = Duration::from_secs(1);

/// The benchmarks, side by side with their baselines in one run.
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo xtask bench")]
pub struct Options {
    /// Write all figures of all rounds there.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Only this scenario (may be repeated).
    #[arg(long = "scenario", value_name = "NAME", value_enum)]
    pub scenarios: Vec<Name>,
    /// Only on this deployment (may be repeated).
    #[arg(long = "deployment", value_name = "NAME", value_enum)]
    pub deployments: Vec<Deployment>,
    /// How often baseline and shop take turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// How long one measurement takes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Shows that it all works, in seconds; the figures mean nothing.
    #[arg(long)]
    pub quick: bool,
}

impl Options {
    /// Rounds to go.
    pub fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    /// How long one measurement takes.
    pub fn time(&self) -> Duration {
        if self.quick { QUICK } else { Duration::from_secs(self.seconds) }
    }
}
