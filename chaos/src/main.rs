//! `cargo xtask chaos`: prints the plan, runs it, prints the report.
//! Exit code 0 when nothing is wrong, 1 when something is, 2 for bad options.
//!
//! Absent: building the programs; xtask does that.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use anyhow::Result;
use chaos::{options::Options, run};
use clap::{CommandFactory, Parser, error::ErrorKind};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(why) = options.refusal() {
        Options::command().error(ErrorKind::InvalidValue, why).exit();
    }
    match perform(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos: seed {}: {error:#}", options.seed);
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing is wrong.
async fn perform(options: &Options) -> Result<bool> {
    let plan = options.plan();
    println!("{plan}");
    if options.plan {
        return Ok(true);
    }
    let report = run::run(options, &plan).await?;
    println!("{report}");
    if let Some(file) = &options.json {
        report.write(file)?;
    }
    Ok(report.in_order)
}
