//! `cargo xtask ci`: what a machine checks about a change, the quick things first.

use anyhow::Result;

use crate::{
    steps::{step, succeed},
    test,
    workspace::Workspace,
};

/// # Errors
/// Under the name of the first step that fails.
pub fn ci(workspace: &Workspace) -> Result<()> {
    let cargo = |arguments: &[&str]| succeed(workspace.cargo().args(arguments));
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))?;
    test::test(workspace, &test::Options::default())
}
