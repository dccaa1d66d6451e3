//! `cargo xtask prove`: what takes too long for everyday, the quick things first. `test` comes before it and has the same tests as a sample.

use anyhow::Result;
use testbed::{Server, ensure_installed};

use crate::{
    chaos, coverage, simulate,
    steps::{self, step, succeed},
    test, tools, web,
    workspace::Workspace,
};

/// # Errors
/// Under the name of the first step that fails.
pub fn prove(workspace: &Workspace) -> Result<()> {
    let cargo = |arguments: &[&str]| succeed(workspace.cargo().args(arguments));
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("install servers", || ensure_installed(&Server::ALL))?;
    tools::ensure_installed(workspace)?;
    step("dependencies", || tools::judge_dependencies(workspace))?;
    step("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))?;
    step("lints of what is shipped", || {
        cargo(&["clippy", "-p", "gozon", "-p", "orders-svc", "-p", "payments-svc", "--", "-D", "warnings"])
    })?;
    step("web page", || web::check(&workspace.root.join("web"), &["lint", "typecheck", "build", "size"]))?;
    test::exhaustively(workspace)?;
    simulate::in_ci(workspace)?;
    step("chaos", || chaos::in_ci(workspace, &test::programs(workspace)))?;
    coverage::coverage(workspace, &coverage::Options::default())?;
    steps::summary();
    Ok(())
}
