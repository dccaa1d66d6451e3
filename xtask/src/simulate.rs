//! `cargo xtask simulate`: builds the simulation so that thousands of seeds take a minute or two, and runs it.
//! Absent: the simulation; the package of that name has it, and its `--help` says what can be chosen.

use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};

use crate::{
    commit,
    steps::{step, succeed},
    workspace::Workspace,
};

/// The name of the package, and of the profile that it is built with: optimised, with all checks of an everyday build.
const NAME: &str = "simulation";
/// In `prove`.
const CI_SEEDS: &str = "2000";
/// Of these, one notices that a rule is broken. Only two instances that meet on one account at the right moment show some of them.
const SEEDS_FOR_A_RULE: &str = "200";
/// A bad option, as everywhere.
const BAD_OPTION: i32 = 2;

/// Ends this process with the run's own exit code when an option is bad.
///
/// # Errors
/// Under the name of the first step that fails.
pub fn simulate(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    step("build the simulation", || {
        succeed(workspace.cargo().args(["build", "--locked", "-p", NAME, "--profile", NAME]))
    })?;
    let status = step("simulate", || run(workspace, arguments))?;
    if status.code() == Some(BAD_OPTION) {
        std::process::exit(BAD_OPTION);
    }
    ensure!(status.success(), "a seed has broken a law; its trace is above");
    Ok(())
}

/// Two thousand seeds: the same ones for the same commit, others for each commit. Then each rule is broken, and has to be noticed.
///
/// # Errors
/// When a seed breaks a law, or a broken rule is not noticed.
pub fn in_ci(workspace: &Workspace) -> Result<()> {
    let first = commit::seed(workspace).to_string();
    println!("again: cargo xtask simulate --first {first} --seeds {CI_SEEDS}");
    simulate(workspace, &["--first", &first, "--seeds", CI_SEEDS].map(str::to_owned))?;
    let broken_rules = ["--rules", "--seeds", SEEDS_FOR_A_RULE].map(str::to_owned);
    let status = step("break each rule", || run(workspace, &broken_rules))?;
    ensure!(status.success(), "a broken rule was not noticed; it is named above");
    Ok(())
}

fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitStatus> {
    let mut simulation = Command::new(workspace.target.join(NAME).join(NAME));
    simulation.args(arguments).status().context("the simulation cannot be started")
}
