//! `cargo xtask ci`: what a machine checks about a change, the quick things first.

use anyhow::Result;
use testbed::{Server, ensure_installed};

use crate::{
    chaos,
    coverage::Tool,
    simulate,
    steps::{step, succeed},
    strangers, test,
    workspace::Workspace,
};

/// # Errors
/// Under the name of the first step that fails.
pub fn ci(workspace: &Workspace) -> Result<()> {
    let cargo = |arguments: &[&str]| succeed(workspace.cargo().args(arguments));
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("install build tools", || ensure_installed(&[Server::BuildTools]))?;
    step("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))?;
    step("lints of what is shipped", || {
        cargo(&["clippy", "-p", "gozon", "-p", "orders-svc", "-p", "payments-svc", "--", "-D", "warnings"])
    })?;
    step("install Python", || ensure_installed(&[Server::Python]))?;
    strangers::ensure_installed(workspace)?;
    step("dependencies", || strangers::judge_dependencies(workspace))?;
    test::test(workspace, &test::Options::default())?;
    simulate::in_ci(workspace)?;
    step("chaos", || chaos::in_ci(workspace, &Tool::programs(workspace)))
}
