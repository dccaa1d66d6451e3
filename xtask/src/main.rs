//! The workspace's chores, run as `cargo xtask …`: they call cargo, npm and the servers in the right order.
//!
//! Absent: anything the product does. A chore is a straight list of steps; what a step needs to know is in its module.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod bench;
mod chaos;
mod ci;
mod commit;
mod coverage;
mod fuzz;
mod nextest;
mod prove;
mod run;
mod simulate;
mod steps;
mod test;
mod tools;
mod web;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The workspace's chores.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Builds the web page when it is stale and starts the whole shop in one process.
    Run {
        /// Arguments of `gozon up`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// The tests: brings up the servers that they need and runs every kind, of what is exhaustive a sample.
    Test(test::Options),
    /// Lints, and what is exhaustive: the whole of each sample of `test`, thousands of seeds, a minute of chaos, the coverage.
    Prove,
    /// How much of the code the tests run, by cargo-llvm-cov; without the tests that start whole systems.
    Coverage(coverage::Options),
    /// The benchmarks, side by side with their baselines in one run.
    #[command(disable_help_flag = true)]
    Bench {
        /// Options of the benchmarks; `--help` names them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The fault run: all faults at once, drawn from a seed, on real servers.
    #[command(disable_help_flag = true)]
    Chaos {
        /// Options of the fault run; `--help` names them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Both services in simulated worlds, each made from a seed.
    #[command(disable_help_flag = true)]
    Simulate {
        /// Options of the simulation; `--help` names them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The parsers of what strangers may send, under inputs that are made up by what they reach.
    Fuzz(fuzz::Options),
    /// `test`, then `prove`.
    Ci,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(chore: Chore) -> Result<()> {
    let workspace = Workspace::find()?;
    match chore {
        Chore::Run { arguments } => run::run(&workspace, &arguments),
        Chore::Test(options) => test::test(&workspace, &options),
        Chore::Bench { arguments } => bench::bench(&workspace, &arguments),
        Chore::Chaos { arguments } => chaos::chaos(&workspace, &arguments),
        Chore::Simulate { arguments } => simulate::simulate(&workspace, &arguments),
        Chore::Fuzz(options) => fuzz::fuzz(&workspace, &options),
        Chore::Prove => prove::prove(&workspace),
        Chore::Coverage(options) => coverage::coverage(&workspace, &options),
        Chore::Ci => ci::ci(&workspace),
    }
}
