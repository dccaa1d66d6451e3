//! `cargo xtask bench`: the shop under load, each scenario next to what it is compared with, in the same run.
//!
//! Absent on purpose: judging most figures; the table says what was reached and what was wished for,
//! a reader decides. A broken bound is a failure.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod baseline;
mod lab;
mod load;
mod memory;
mod options;
mod progress;
mod report;
mod rounds;
mod scenario;
mod stats;
mod wishes;

use anyhow::Result;
use clap::Parser;
use lab::Lab;
use options::Options;
use report::Report;
use std::process::ExitCode;

/// One thread: the generator must leave the machine to those it measures.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all scenarios have figures and kept their bounds.
async fn run(options: &Options) -> Result<bool> {
    let lab = Lab::open(options)?;
    let outcomes = scenario::run(&lab, options).await;
    let report = Report::of(options, outcomes);
    println!("{report}");
    if let Some(file) = &options.json {
        report.write(file)?;
    }
    Ok(report.complete())
}
