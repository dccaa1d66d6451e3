//! Programs of earlier builds, removed so that the report does not count their lines, which have moved since, as lines
//! that no test ran. `cargo llvm-cov` takes every program in the target directory for a part of the present build.

use std::{collections::BTreeSet, fs, os::unix::fs::MetadataExt, path::Path};

use anyhow::{Context, Result};
use serde_json::Value;

/// A file's own number: cargo lists a program under one name and keeps it under a second.
type Identity = (u64, u64);

/// Removes from `directory` the programs that are not among those which cargo, by its JSON `messages`, has just built.
///
/// # Errors
/// When a file cannot be read or removed.
pub fn remove_programs_not_in(messages: &str, directory: &Path) -> Result<()> {
    let built: BTreeSet<Identity> = messages.lines().filter_map(program).filter_map(|path| identity(&path)).collect();
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| is_program(path)) {
        if !identity(&path).is_some_and(|identity| built.contains(&identity)) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn program(message: &str) -> Option<String> {
    let message: Value = serde_json::from_str(message).ok()?;
    message["executable"].as_str().map(str::to_owned)
}

fn identity(path: impl AsRef<Path>) -> Option<Identity> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Libraries may be executable too, but they have an extension.
fn is_program(path: &Path) -> bool {
    path.extension().is_none() && fs::metadata(path).is_ok_and(|file| file.is_file() && file.mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_programs_that_were_not_just_built_are_removed() {
        let directory = std::env::temp_dir().join(format!("xtask-stale-{}", std::process::id()));
        let deps = directory.join("deps");
        fs::create_dir_all(&deps).unwrap();
        for name in ["old-1", "it-2", "shop-3", "libmacros.so", "it-2.d"] {
            fs::write(deps.join(name), "").unwrap();
            fs::set_permissions(deps.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::hard_link(deps.join("shop-3"), directory.join("shop")).unwrap();
        let message = |path: &Path| format!(r#"{{"reason":"compiler-artifact","executable":{path:?}}}"#);
        let library = r#"{"reason":"compiler-artifact","executable":null}"#;
        let messages = [message(&deps.join("it-2")), message(&directory.join("shop")), library.to_owned()].join("\n");
        remove_programs_not_in(&messages, &deps).unwrap();
        let mut left: Vec<_> = fs::read_dir(&deps).unwrap().flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["it-2", "it-2.d", "libmacros.so", "shop-3"]);
        fs::remove_dir_all(directory).unwrap();
    }
}
