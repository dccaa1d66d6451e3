//! The seed that a commit gives: the same commit meets the same faults, so that a failure can be repeated, and each commit meets
//! others, so that one plan is not learned by heart. Absent: what is done with it.

use std::process::Command;

use crate::{steps::output, workspace::Workspace};

/// When there is no commit.
const ANY_SEED: u64 = 1;
/// A commit's digits that become the seed: few enough to be typed.
const SEED_DIGITS: usize = 6;

/// The seed of the commit that is checked out.
pub fn seed(workspace: &Workspace) -> u64 {
    let mut git = Command::new("git");
    git.args(["rev-parse", "HEAD"]).current_dir(&workspace.root);
    output(&mut git).ok().and_then(|commit| of(&commit)).unwrap_or(ANY_SEED)
}

fn of(commit: &str) -> Option<u64> {
    u64::from_str_radix(commit.get(..SEED_DIGITS)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_gives_a_seed_and_anything_else_gives_none() {
        assert_eq!(of("859fb90c0ffee\n"), Some(0x0085_9fb9));
        assert_eq!(of("main"), None);
        assert_eq!(of("not a commit"), None);
    }
}
