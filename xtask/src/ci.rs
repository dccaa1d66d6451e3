//! `cargo xtask ci`: what a machine checks about a change.

use anyhow::Result;

use crate::{prove, test, workspace::Workspace};

/// # Errors
/// Under the name of the first step that fails.
pub fn ci(workspace: &Workspace) -> Result<()> {
    test::test(workspace, &test::Options::default())?;
    prove::prove(workspace)
}
