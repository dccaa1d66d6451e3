//! `cargo xtask run`: the page if it is stale, then the shop, which takes this process's place.

use std::os::unix::process::CommandExt;

use anyhow::Result;

use crate::{web, workspace::Workspace};

/// Does not return when all goes well. The shop is built in the dev profile: a newcomer waits for the compiler only once and
/// not for optimisation.
///
/// # Errors
/// When the page does not build, or cargo cannot be started.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    web::refresh(&workspace.root.join("web"))?;
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--package", "gozon", "--", "up"]).args(arguments);
    Err(cargo.exec().into())
}
