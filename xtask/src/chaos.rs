//! `cargo xtask chaos`: the servers if they are missing, a build of the shop and of the fault run with failpoints and Kafka in it, then that.
//! Absent: the faults; the package `chaos` knows, and its `--help` says what can be chosen.
//!
//! The build is the everyday one: overflow checks and debug assertions see what a release build passes over, it has points where
//! panics are planted, and on a machine that has tested it is there already. The faults are the same; only the figures are a debug
//! build's.

use std::{
    fs,
    path::Path,
    process::{Command, ExitStatus},
};

use anyhow::{Context, Result, ensure};
use testbed::{Server, ensure_installed};

use crate::{
    commit,
    steps::{step, succeed},
    workspace::Workspace,
};

/// The fault run, and the programs that it starts and expects beside it.
const PACKAGES: [&str; 3] = ["chaos", "orders-svc", "payments-svc"];
/// Of the run in `ci`: every kind of fault at least once, most of the time.
const CI_SECONDS: &str = "60";
/// A bad option, as everywhere.
const BAD_OPTION: i32 = 2;

/// Ends this process with the run's own exit code when an option is bad.
///
/// # Errors
/// Under the name of the first step that fails.
pub fn chaos(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    step("install servers", || ensure_installed(&[Server::Postgres, Server::RabbitMq, Server::BuildTools]))?;
    step("build", || succeed(&mut build(workspace)))?;
    let status = step("chaos", || run(workspace, &workspace.target.join("debug"), arguments))?;
    if status.code() == Some(BAD_OPTION) {
        std::process::exit(BAD_OPTION);
    }
    judge(status)
}

/// A minute with the programs that `test` has just built and looked at.
///
/// # Errors
/// When something was lost, doubled, or unexpected.
pub fn in_ci(workspace: &Workspace, programs: &Path) -> Result<()> {
    let seed = commit::seed(workspace);
    println!("again: cargo xtask chaos --seconds {CI_SECONDS} --seed {seed}");
    let arguments = ["--seconds", CI_SECONDS, "--seed", &seed.to_string()].map(str::to_owned);
    judge(run(workspace, programs, &arguments)?)
}

fn judge(status: ExitStatus) -> Result<()> {
    ensure!(status.success(), "something was lost, doubled, or unexpected; the report says what");
    Ok(())
}

fn build(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--locked", "--features", "chaos/failpoints,chaos/kafka"]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    cargo
}

/// The logs go below the target directory, where they are kept when something is wrong.
fn run(workspace: &Workspace, programs: &Path, arguments: &[String]) -> Result<ExitStatus> {
    let scratch = workspace.target.join("tmp");
    fs::create_dir_all(&scratch)?;
    let mut chaos = Command::new(programs.join("chaos"));
    chaos.args(arguments).env("TMPDIR", scratch);
    chaos.status().context("the fault run cannot be started")
}
