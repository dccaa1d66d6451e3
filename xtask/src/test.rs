//! `cargo xtask test`: everything that must pass, as one straight list of steps.
//!
//! The build is instrumented and has a target directory of its own, so that everyday builds stay warm. The servers
//! start after it and end before the report; when this process is interrupted, their leashes end them.

use std::process::Command;

use anyhow::Result;
use testbed::{Server, Servers, ensure_installed};

use crate::{
    coverage::{Report, Tool},
    failures,
    steps::{output, step, succeed},
    strangers, web,
    workspace::Workspace,
};

/// Features that only tests use: real servers, and points in the code where a fault can be put. And Kafka, as in the released images.
const FEATURES: [&str; 3] = ["servers", "failpoints", "kafka"];

/// The system tests, and the programs that they start. Cargo builds those only when they are named, and would leave old ones there.
const SYSTEM: &str = "e2e";
const PROGRAMS: [&str; 3] = ["orders-svc", "payments-svc", "gozon"];

/// What to test; everything, unless told otherwise.
#[derive(clap::Args, Clone, Default)]
pub struct Options {
    /// Test only this package (may be repeated); the coverage floor then does not apply.
    #[arg(short, long = "package")]
    packages: Vec<String>,
    /// Arguments of the test programs, such as a part of a test's name.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Options {
    fn with_programs(&self) -> Self {
        let mut with = self.clone();
        if with.packages.iter().any(|package| package == SYSTEM) {
            with.packages.extend(PROGRAMS.map(str::to_owned));
            with.packages.sort();
            with.packages.dedup();
        }
        with
    }
}

/// # Errors
/// Under the name of the first step that fails.
pub fn test(workspace: &Workspace, options: &Options) -> Result<()> {
    let options = &options.with_programs();
    step("install servers", || ensure_installed(&Server::ALL))?;
    if options.packages.is_empty() {
        step("web page", || web::check(&workspace.root.join("web")))?;
        step("Postman collection", || web::check(&workspace.root.join("postman")))?;
    }
    strangers::ensure_installed(workspace)?;
    let tool = step("install coverage tools", || Tool::ready(workspace))?;
    step("build", || build(&tool, workspace, options))?;
    let servers = step("start servers", || Servers::up(&workspace.target.join("servers")))?;
    step("tests", || run_tests(&tool, &servers, workspace, options))?;
    step("doc tests", || run_doc_tests(&tool, workspace, options))?;
    step("end servers", || end(servers))?;
    step("coverage", || Report::of(&tool.report()?, &options.packages))?.judge()
}

/// Tests and programs, with all features, before anything runs. Only a build of everything may forget other programs:
/// a part is often built in between, and differently.
fn build(tool: &Tool<'_>, workspace: &Workspace, options: &Options) -> Result<()> {
    let mut cargo = tool.cargo();
    selected(&mut cargo, "build", workspace, options).args(["--all-targets", "--message-format"]);
    let messages = output(cargo.arg("json-render-diagnostics"))?;
    if options.packages.is_empty() { tool.keep_only(&messages) } else { Ok(()) }
}

fn run_tests(tool: &Tool<'_>, servers: &Servers, workspace: &Workspace, options: &Options) -> Result<()> {
    let mut cargo = tool.cargo();
    selected(&mut cargo, "test", workspace, options).args(["--all-targets", "--no-fail-fast"]);
    cargo.envs(servers.variables()).arg("--").args(&options.arguments);
    failures::succeed(&mut cargo)
}

/// Of the whole workspace only: cargo refuses to look for them in a package without a library.
fn run_doc_tests(tool: &Tool<'_>, workspace: &Workspace, options: &Options) -> Result<()> {
    if !options.packages.is_empty() {
        println!("left out for a part");
        return Ok(());
    }
    succeed(selected(&mut tool.cargo(), "test", workspace, options).arg("--doc"))
}

fn end(servers: Servers) -> Result<()> {
    drop(servers);
    Ok(())
}

/// The same packages and features for every step: with others, cargo would build everything a second time.
fn selected<'a>(cargo: &'a mut Command, verb: &str, workspace: &Workspace, options: &Options) -> &'a mut Command {
    cargo.args([verb, "--locked"]);
    match options.packages.as_slice() {
        [] => cargo.arg("--workspace"),
        packages => cargo.args(packages.iter().flat_map(|package| ["--package", package])),
    };
    cargo.args(workspace.features(&options.packages, &FEATURES).iter().flat_map(|feature| ["--features", feature]))
}
