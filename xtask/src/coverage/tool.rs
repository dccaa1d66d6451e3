//! `cargo llvm-cov` and the compiler's own LLVM tools: asked for flags and for the report. Absent: installing the former (tools).

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::environment;
use crate::{
    steps::{output, succeed},
    tools,
    workspace::Workspace,
};

/// The tools, ready to use, and the environment of an instrumented build.
pub struct Tool<'a> {
    workspace: &'a Workspace,
    environment: Vec<(String, String)>,
}

impl Tool<'_> {
    /// Installs what is missing, and forgets the profiles of earlier runs.
    ///
    /// # Errors
    /// When something is missing and cannot be installed.
    pub fn ready(workspace: &Workspace) -> Result<Tool<'_>> {
        ensure_llvm_tools(workspace)?;
        let mut tool = Tool { workspace, environment: Vec::new() };
        tool.environment = environment::parse(&output(tool.command("show-env").args(["--sh", "--no-cfg-coverage"]))?);
        succeed(tool.command("clean").arg("--profraw-only"))?;
        Ok(tool)
    }

    /// How often each line ran, in lcov's format. Processes that a test killed in the middle of writing leave broken
    /// profiles; those are passed over.
    ///
    /// # Errors
    /// When there are no usable profiles.
    pub fn report(&self) -> Result<String> {
        let mut command = self.command("report");
        output(command.args(["--lcov", "--failure-mode", "all"]))
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = self.workspace.command(&tools::program(self.workspace, "cargo-llvm-cov"));
        command.args(["llvm-cov", verb]).env("CARGO_TARGET_DIR", self.directory());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// This command of cargo's with the environment of an instrumented build. `cargo llvm-cov` stands before the compiler and instruments
    /// this workspace's packages; asked to stand only before those, cargo keeps them apart from the everyday ones and shares the rest.
    /// Incremental builds would only cost disk: it is mostly built from nothing.
    pub fn environment(&self, mut command: Command) -> Command {
        let name = |name: &str| if name == "RUSTC_WRAPPER" { "RUSTC_WORKSPACE_WRAPPER" } else { name }.to_owned();
        command.envs(self.environment.iter().map(|(variable, value)| (name(variable), value)));
        command.env("CARGO_INCREMENTAL", "0");
        command
    }

    /// Where the instrumented programs and what they note of their runs are found.
    pub fn directory(&self) -> PathBuf {
        self.workspace.target.join("coverage")
    }
}

/// They have to be of the compiler's own LLVM version, so only rustup's component will do, or what the user names.
fn ensure_llvm_tools(workspace: &Workspace) -> Result<()> {
    let named = ["LLVM_COV", "LLVM_PROFDATA"].iter().all(|name| env::var_os(name).is_some());
    if named || has_llvm_tools(workspace)? {
        return Ok(());
    }
    if Command::new("rustup").arg("--version").output().is_err() {
        bail!("the coverage needs LLVM's tools and there is no rustup to get them: set LLVM_COV and LLVM_PROFDATA");
    }
    succeed(Command::new("rustup").args(["component", "add", "llvm-tools"]).current_dir(&workspace.root))
}

fn has_llvm_tools(workspace: &Workspace) -> Result<bool> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(&workspace.root))?;
    let targets = Path::new(sysroot.trim()).join("lib/rustlib");
    let mut targets = fs::read_dir(&targets).with_context(|| format!("cannot read {}", targets.display()))?.flatten();
    Ok(targets.any(|target| target.path().join("bin/llvm-profdata").is_file()))
}
