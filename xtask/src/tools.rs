//! Tools that come as Python packages (strangers/): the test runner, the coverage tool, the black-box testers, in an environment of their
//! own, every file by its hash. Absent: Python itself, which is the distribution's, and what the tools are asked.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    steps::{step, succeed},
    workspace::Workspace,
};

/// Installs them, unless exactly these are there.
///
/// # Errors
/// When there is no Python with its module `venv`, or a package cannot be had or is not what it was.
pub fn ensure_installed(workspace: &Workspace) -> Result<()> {
    let wanted = workspace.root.join("strangers/requirements.txt");
    let environment = environment(workspace);
    // Written last, so it means a complete installation.
    let installed = environment.join("requirements.txt");
    if same(&wanted, &installed) && environment.join("bin/python").exists() {
        return Ok(());
    }
    step("install tools", || {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut pip = Command::new(environment.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
        succeed(pip.arg("--requirement").arg(&wanted))?;
        fs::copy(&wanted, &installed)?;
        Ok(())
    })
}

/// What the workspace depends on: licences, sources, bans. Absent: advisories, whose list is no package of any registry.
///
/// # Errors
/// When cargo-deny denies something.
pub fn judge_dependencies(workspace: &Workspace) -> Result<()> {
    let mut deny = workspace.command(&program(workspace, "cargo-deny"));
    deny.args(["--all-features", "--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]);
    succeed(&mut deny)
}

/// One of the tools.
pub fn program(workspace: &Workspace, name: &str) -> PathBuf {
    environment(workspace).join("bin").join(name)
}

fn environment(workspace: &Workspace) -> PathBuf {
    workspace.root.join("strangers/.venv")
}

fn same(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}
