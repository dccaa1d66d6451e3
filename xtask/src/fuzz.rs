//! `cargo xtask fuzz`: builds the fuzz targets with libFuzzer and lets it look for inputs, one target after the other.
//! Absent: the targets and what was kept of earlier finds; the package `fuzz` has both, and its tests run what was kept.
//!
//! The build is the everyday one, on the stable compiler, but for what `fuzz/instrument` adds to the parsers. Inputs that were found are kept
//! below the target directory in `fuzz/found/`, those that broke a law in `fuzz/broken/`.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    steps::{step, succeed},
    workspace::Workspace,
};

/// The package, its program, and the name of its directories.
const NAME: &str = "fuzz";
/// The engine, and its C++.
const FEATURES: &str = "engine,libfuzzer-sys/link_libfuzzer";
/// The longest input: what a message or a body may have at most, and somewhat more.
const MAX_LEN: &str = "-max_len=20000";

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub struct Options {
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only this target; the folders of `fuzz/corpus` are called like them.
    target: Option<String>,
}

/// # Errors
/// When there is no such target, no C++ compiler, or an input breaks a law.
pub fn fuzz(workspace: &Workspace, options: &Options) -> Result<()> {
    let targets = targets(workspace, options.target.as_deref())?;
    let home = workspace.target.join(NAME);
    step("build the fuzz targets", || succeed(&mut build(workspace)))?;
    targets.iter().try_for_each(|target| step(target, || run(workspace, &home, target, options.seconds)))
}

/// The chosen one, or all.
fn targets(workspace: &Workspace, chosen: Option<&str>) -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(workspace.root.join("fuzz/corpus"))? {
        targets.push(entry?.file_name().to_string_lossy().into_owned());
    }
    targets.sort();
    let Some(chosen) = chosen else { return Ok(targets) };
    ensure!(targets.iter().any(|target| target == chosen), "{chosen} is none of {}", targets.join(", "));
    Ok(vec![chosen.to_owned()])
}

fn build(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--locked", "--package", NAME, "--features", FEATURES]);
    cargo.env("RUSTC_WORKSPACE_WRAPPER", workspace.root.join("fuzz/instrument"));
    cargo
}

fn run(workspace: &Workspace, home: &Path, target: &str, seconds: u32) -> Result<()> {
    let (found, broken) = (home.join("found").join(target), home.join("broken").join(target));
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&broken)?;
    let ours = workspace.root.join("fuzz");
    let mut program = Command::new(workspace.target.join("debug").join(NAME));
    program.arg(format!("-max_total_time={seconds}")).args([MAX_LEN, "-print_final_stats=1", "-use_value_profile=1"]);
    program.arg(format!("-dict={}", ours.join("dictionary").display()));
    program.arg(format!("-artifact_prefix={}/", broken.display()));
    // New inputs go to the first folder.
    program.arg(found).arg(ours.join("corpus").join(target));
    let regressions = ours.join("regressions").join(target);
    program.args(regressions.is_dir().then_some(regressions));
    let again = || format!("keep the input in {} as fuzz/regressions/{target}/<what it is about>", broken.display());
    succeed(program.args(["-ignore_remaining_args=1", target])).with_context(again)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_does_not_exist_is_refused_with_those_that_do() {
        let workspace = Workspace::find().unwrap();
        assert_eq!(targets(&workspace, Some("money")).unwrap(), ["money"]);
        let all = targets(&workspace, None).unwrap();
        let error = targets(&workspace, Some("nothing")).unwrap_err().to_string();
        assert!(all.len() > 1 && error.ends_with(&all.join(", ")), "{error}");
    }
}
