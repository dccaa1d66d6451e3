//! `cargo xtask coverage`: how much of the code the tests run; the instrumented build, its tests, and the report with its floor.
//!
//! `cargo llvm-cov` is used only for what it alone knows (the compiler's flags, where the profiles are); build and tests are those
//! of everyday, with the environment that it asks for and a target directory of their own, so that everyday builds stay warm.

mod environment;
mod report;
mod stale;
mod tool;

use std::process::Command;

use anyhow::Result;
use testbed::{Server, Servers, ensure_installed};

use crate::{
    nextest::{self, Profile},
    steps::{output, step},
    tools,
    workspace::Workspace,
};
use report::Report;
use tool::Tool;

/// What starts whole systems, whose programs are killed more often than they end and write a profile, and what is no part of the product.
const EXCLUDED: [&str; 9] = ["e2e", "bench", "chaos", "model", "simulation", "fuzz", "xtask", "testbed", "fixtures"];
const FEATURES: [&str; 3] = ["servers", "failpoints", "kafka"];

/// What to measure.
#[derive(clap::Args, Clone, Default)]
pub struct Options {
    /// Only the tests of this package, and only its lines (may be repeated); the floor then does not apply.
    #[arg(short, long = "package")]
    packages: Vec<String>,
}

/// # Errors
/// Under the name of the first step that fails, or when the tests run too few of the lines.
pub fn coverage(workspace: &Workspace, options: &Options) -> Result<()> {
    step("install servers", || ensure_installed(&Server::ALL))?;
    tools::ensure_installed(workspace)?;
    let tool = step("install coverage tools", || Tool::ready(workspace))?;
    step("instrumented build", || build(&tool, workspace, options))?;
    let servers = step("start servers", || Servers::up(&workspace.target.join("servers")))?;
    step("instrumented tests", || run_tests(&tool, workspace, options, &servers))?;
    drop(servers);
    step("coverage", || Report::of(&tool.report()?, &options.packages))?.judge()
}

/// Only a build of everything may forget other programs: a part is often built in between, and differently.
fn build(tool: &Tool<'_>, workspace: &Workspace, options: &Options) -> Result<()> {
    let mut cargo = tool.environment(workspace.cargo());
    selected(cargo.args(["build", "--locked", "--all-targets"]), workspace, options);
    let messages = output(cargo.args(["--message-format", "json-render-diagnostics"]))?;
    if options.packages.is_empty() { tool.keep_only(&messages) } else { Ok(()) }
}

fn run_tests(tool: &Tool<'_>, workspace: &Workspace, options: &Options, servers: &Servers) -> Result<()> {
    let mut nextest = tool.environment(nextest::command(workspace, Profile::Coverage));
    selected(&mut nextest, workspace, options).envs(servers.variables());
    nextest::run(&mut nextest, &tool.directory(), Profile::Coverage)
}

fn selected<'a>(cargo: &'a mut Command, workspace: &Workspace, options: &Options) -> &'a mut Command {
    let packages = match options.packages.as_slice() {
        [] => workspace.packages_without(&EXCLUDED),
        packages => packages.to_vec(),
    };
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    cargo.args(workspace.features(&packages, &FEATURES).iter().flat_map(|feature| ["--features", feature]))
}
