//! `cargo xtask test`: every kind of test, as one straight list of steps; of what is exhaustive a sample, which `prove` has as a whole.
//!
//! The build is the everyday one. While it runs, what the tests need is installed and the page is checked. The servers start
//! after it; when this process is interrupted, their leashes end them.

use std::{path::PathBuf, thread};

use anyhow::{Result, anyhow};
use testbed::{Scratch, Server, Servers, ensure_installed};

use crate::{
    commit,
    nextest::{self, Profile},
    steps::{self, step, succeed},
    tools, web,
    workspace::Workspace,
};

/// The system tests, and the programs that they start. Cargo builds those only when they are named, and would leave old ones there.
const SYSTEM: &str = "e2e";
const PROGRAMS: [&str; 3] = ["orders-svc", "payments-svc", "gozon"];

/// What to test; everything, unless told otherwise.
#[derive(clap::Args, Clone, Default)]
pub struct Options {
    /// Test only this package (may be repeated).
    #[arg(short, long = "package")]
    packages: Vec<String>,
    /// Parts of the tests' names, and other arguments of `cargo nextest run`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Options {
    fn is_everything(&self) -> bool {
        self.packages.is_empty() && self.arguments.is_empty()
    }

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
    build_and_install(workspace, options)?;
    let scratch = Scratch::in_memory_or(&workspace.target)?;
    let servers = step("start servers", || Servers::up(scratch.path()))?;
    step("tests", || run_tests(workspace, options, &scratch, &servers, Profile::Test))?;
    if options.is_everything() {
        step("doc tests", || doc_tests(workspace))?;
    }
    step("end servers", || end(servers))?;
    steps::summary();
    Ok(())
}

/// The tests that are a sample in `test`, as a whole; with what `test` has built.
///
/// # Errors
/// Under the name of the first step that fails.
pub fn exhaustively(workspace: &Workspace) -> Result<()> {
    let options = &Options::default();
    step("build", || build(workspace, options))?;
    let scratch = Scratch::in_memory_or(&workspace.target)?;
    let servers = step("start servers", || Servers::up(scratch.path()))?;
    step("exhaustive tests", || run_tests(workspace, options, &scratch, &servers, Profile::Prove))?;
    step("end servers", || end(servers))
}

/// The compiler needs both cores and next to no network, installing is the other way round.
fn build_and_install(workspace: &Workspace, options: &Options) -> Result<()> {
    step("install build tools", || ensure_installed(&[Server::BuildTools]))?;
    thread::scope(|threads| {
        let building = threads.spawn(|| step("build", || build(workspace, options)));
        let installed = install(workspace, options);
        let built = building.join().map_err(|_| anyhow!("the build panicked"))?;
        installed.and(built)
    })
}

fn install(workspace: &Workspace, options: &Options) -> Result<()> {
    step("install servers", || ensure_installed(&Server::ALL))?;
    tools::ensure_installed(workspace)?;
    if options.is_everything() {
        step("web page", || web::check(&workspace.root.join("web"), &["test", "build"]))?;
        step("Postman collection", || web::check(&workspace.root.join("postman"), &["test"]))?;
    }
    Ok(())
}

/// Tests and programs, with all features, before anything runs.
fn build(workspace: &Workspace, options: &Options) -> Result<()> {
    succeed(workspace.select(workspace.cargo().args(["build", "--locked", "--all-targets"]), &options.packages))
}

fn doc_tests(workspace: &Workspace) -> Result<()> {
    succeed(workspace.select(workspace.cargo().args(["test", "--locked", "--doc"]), &[]))
}

fn run_tests(
    workspace: &Workspace,
    options: &Options,
    scratch: &Scratch,
    servers: &Servers,
    profile: Profile,
) -> Result<()> {
    let mut nextest = nextest::command(workspace, profile);
    workspace.select(&mut nextest, &options.packages).args(&options.arguments);
    nextest.envs(servers.variables()).env("TMPDIR", scratch.path());
    nextest.env(testbed::SEED_VARIABLE, commit::seed(workspace).to_string());
    if profile == Profile::Prove {
        nextest.env(testbed::EXHAUSTIVE_VARIABLE, "1");
    }
    nextest::run(&mut nextest, &workspace.target, profile)
}

fn end(servers: Servers) -> Result<()> {
    drop(servers);
    Ok(())
}

/// Where the build puts the programs.
pub fn programs(workspace: &Workspace) -> PathBuf {
    workspace.target.join("debug")
}
