//! The instrumented programs of the present build, in a directory of their own: `cargo llvm-cov` takes every program that it finds in its
//! directory for a part of the build, and would count lines of earlier ones, which have moved since, as lines that no test ran.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

/// Where `cargo llvm-cov` looks for programs, below its target directory.
const PLACE: &str = "debug/deps";

/// Links into `directory`, which is emptied first, the programs which cargo, by its JSON `messages`, has just built.
///
/// # Errors
/// When a file cannot be linked or removed.
pub fn collect(messages: &str, directory: &Path) -> Result<()> {
    let place = directory.join(PLACE);
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| format!("cannot empty {}", place.display()))?;
    }
    fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
    for program in messages.lines().filter_map(program) {
        // Under its own name, by which it is known for one of the workspace.
        let name = program.file_name().with_context(|| format!("{} has no name", program.display()))?;
        fs::hard_link(&program, place.join(name)).with_context(|| format!("cannot link {}", program.display()))?;
    }
    Ok(())
}

fn program(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    message["executable"].as_str().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_that_were_just_built_are_there() {
        let directory = tempfile::tempdir().unwrap();
        let built = |name: &str| {
            let path = directory.path().join(name);
            fs::write(&path, name).unwrap();
            format!(r#"{{"reason":"compiler-artifact","executable":{path:?}}}"#)
        };
        let (old, new) = (built("old"), built("new"));
        let library = r#"{"reason":"compiler-artifact","executable":null}"#;
        let coverage = directory.path().join("coverage");
        collect(&old, &coverage).unwrap();
        collect(&[&new, library, "no message"].join("\n"), &coverage).unwrap();
        let left: Vec<_> = fs::read_dir(coverage.join(PLACE)).unwrap().flatten().map(|entry| entry.path()).collect();
        assert_eq!(left.iter().map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>(), ["new"]);
    }
}
