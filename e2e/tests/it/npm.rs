//! Programs of this repository's npm packages. Absent: installing them; `cargo xtask test` does that.

use std::{path::PathBuf, process::Stdio};
use tokio::process::Command;

/// A directory of this repository.
pub fn directory(package: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(package)
}

/// A program of a package's own dependencies, without npx between it and us: it has to end when the test does.
pub fn program(package: &str, name: &str, arguments: &[&str]) -> Command {
    let package = directory(package);
    let mut program = Command::new(package.join("node_modules/.bin").join(name));
    program.args(arguments).current_dir(package).stdin(Stdio::null()).kill_on_drop(true);
    program
}
