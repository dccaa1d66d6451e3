//! `cargo xtask bench`: the servers if they are missing, a release build of the shop and of the benchmarks, then those.
//! Absent: what is measured; the package `bench` knows, and its `--help` says what can be chosen.

use std::{
    fs,
    process::{Command, ExitStatus},
};

use anyhow::{Context, Result, ensure};
use testbed::{Server, ensure_installed};

use crate::{
    steps::{step, succeed},
    workspace::Workspace,
};

/// The benchmarks, and the programs that they start and expect beside them.
const PACKAGES: [&str; 4] = ["bench", "orders-svc", "payments-svc", "gozon"];

/// # Errors
/// Under the name of the first step that fails; a benchmark without figures is one that fails.
pub fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    step("install servers", || ensure_installed(&[Server::Postgres, Server::RabbitMq, Server::BuildTools]))?;
    step("release build", || succeed(&mut build(workspace)))?;
    let status = step("benchmarks", || run(workspace, arguments))?;
    ensure!(status.success(), "a scenario has no figures, or broke a bound");
    Ok(())
}

fn build(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked", "--features", "bench/kafka"]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    cargo
}

/// The embedded shop's files go below the target directory as well: the system's temporary one may be memory, where a durable
/// commit costs nothing.
fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitStatus> {
    let scratch = workspace.target.join("tmp");
    fs::create_dir_all(&scratch)?;
    let mut bench = Command::new(workspace.target.join("release").join("bench"));
    bench.args(arguments).env("TMPDIR", scratch).status().context("the benchmarks cannot be started")
}
