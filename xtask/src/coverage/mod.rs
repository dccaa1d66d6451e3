//! `cargo xtask coverage`: how much of the code the tests run; the instrumented build, its tests, and the report with its floor.
//!
//! `cargo llvm-cov` is used only for what it alone knows: the compiler's flags, where the profiles are, and the report. Packages and
//! features are those of the everyday build, so that the dependencies, which are not instrumented, are built once for both.

mod environment;
mod programs;
mod report;
mod tool;

use anyhow::Result;
use testbed::{Scratch, Server, Servers, ensure_installed};

use crate::{
    nextest::{self, Profile},
    steps::{output, step},
    tools,
    workspace::Workspace,
};
use report::Report;
use tool::Tool;

/// Packages that test or build the product and are not part of it. Their tests are not run here: some start whole systems, whose programs
/// are killed more often than they end and write a profile.
const NOT_THE_PRODUCT: [&str; 9] =
    ["e2e", "bench", "chaos", "model", "simulation", "fuzz", "xtask", "testbed", "fixtures"];

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
    let scratch = Scratch::in_memory_or(&workspace.target)?;
    let servers = step("start servers", || Servers::up(scratch.path()))?;
    step("instrumented tests", || run_tests(&tool, workspace, options, &scratch, &servers))?;
    drop(servers);
    step("coverage", || Report::of(&tool.report()?, &options.packages))?.judge()
}

fn build(tool: &Tool<'_>, workspace: &Workspace, options: &Options) -> Result<()> {
    let mut cargo = tool.environment(workspace.cargo());
    workspace.select(cargo.args(["build", "--locked", "--all-targets"]), &options.packages);
    programs::collect(&output(cargo.args(["--message-format", "json-render-diagnostics"]))?, &tool.directory())
}

fn run_tests(
    tool: &Tool<'_>,
    workspace: &Workspace,
    options: &Options,
    scratch: &Scratch,
    servers: &Servers,
) -> Result<()> {
    let mut nextest = tool.environment(nextest::command(workspace, Profile::Coverage));
    workspace.select(&mut nextest, &options.packages).envs(servers.variables());
    nextest.env("TMPDIR", scratch.path());
    if options.packages.is_empty() {
        nextest.args(["--filterset", &of_the_product()]);
    }
    nextest::run(&mut nextest, &workspace.target, Profile::Coverage)
}

fn of_the_product() -> String {
    format!("not ({})", NOT_THE_PRODUCT.map(|package| format!("package({package})")).join(" | "))
}
