//! Where the programs under test are: beside the test program, where the same build put them.
//! Absent: looking for them anywhere else; a test of last week's program proves nothing.

use anyhow::{Context, Result, ensure};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

/// Cargo made the test program, so it is there; `cargo test` takes its lock away before tests run.
const CARGO: &str = env!("CARGO");

/// The command `gozon`. `cargo test -p e2e` makes no programs of other packages, so it is made here, once, if it is missing.
///
/// # Errors
/// When it cannot be made.
pub fn gozon() -> Result<PathBuf> {
    static MAKING: Mutex<()> = Mutex::new(());
    let made = MAKING.lock();
    let program = beside_us("gozon")?;
    if !program.is_file() {
        make_gozon(program.parent().context("a program lies in a directory")?)?;
    }
    drop(made);
    Ok(program)
}

/// One of the services' programs.
///
/// # Errors
/// When it is missing.
#[cfg(feature = "servers")]
pub fn service(name: &str) -> Result<PathBuf> {
    let program = beside_us(name)?;
    ensure!(program.is_file(), "{} is missing: run this test through `cargo xtask test`", program.display());
    Ok(program)
}

/// `<target>/<profile>/<name>`; we are `<target>/<profile>/deps/it-…`, or a program beside it.
fn beside_us(name: &str) -> Result<PathBuf> {
    let us = env::current_exe().context("this program's own path")?;
    let home = us.parent().context("a program lies in a directory")?;
    let profile = home.parent().filter(|_| home.ends_with("deps")).unwrap_or(home);
    Ok(profile.join(name))
}

fn make_gozon(profile: &Path) -> Result<()> {
    let target = profile.parent().context("a profile's directory lies in the target directory")?;
    let mut cargo = Command::new(CARGO);
    cargo.args(["build", "--package", "gozon", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    for (feature, chosen) in [("failpoints", cfg!(feature = "failpoints")), ("kafka", cfg!(feature = "kafka"))] {
        if chosen {
            cargo.args(["--features", &format!("gozon/{feature}")]);
        }
    }
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().context("cargo cannot be run")?;
    ensure!(status.success(), "cargo cannot build gozon ({status})");
    Ok(())
}
