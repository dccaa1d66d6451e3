//! The workspace's chores, run as `cargo xtask …`: they call cargo, npm and the servers in the right order.
//!
//! Absent: anything the product does. A chore is a straight list of steps; what a step needs to know is in its module.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod bench;
mod ci;
mod coverage;
mod failures;
mod run;
mod steps;
mod test;
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
    /// Everything that must pass: brings up the servers, runs all tests, measures the coverage.
    Test(test::Options),
    /// The benchmarks, side by side with their baselines in one run.
    #[command(disable_help_flag = true)]
    Bench {
        /// Options of the benchmarks; `--help` names them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Format and lints, then `test`.
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
        Chore::Ci => ci::ci(&workspace),
    }
}
