//! Where the files of a test run lie. In memory, where the machine has the room: a test makes and drops databases of hundreds of files, and
//! on a disk that alone took a sixth of the processors.
//!
//! What a killed process had written is there as it is on a disk, for only a machine that goes down loses memory; and no test ends one.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::place::Place;

/// On Linux, a file system in memory that every account may use. A container's is often of 64 MB.
const MEMORY: &str = "/dev/shm";
/// A run of all tests holds about one GiB at its worst.
const ROOM_IN_KIBIBYTES: u64 = 6 << 20;

/// A directory for servers and temporary files; removed on `Drop`, or by its leash when its owner dies.
pub struct Scratch(Place);

impl Scratch {
    /// A new one, in memory if six GiB are free there, else below `dir`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn in_memory_or(dir: &Path) -> Result<Scratch> {
        let memory = Path::new(MEMORY);
        let has_room = free_kibibytes(memory).is_ok_and(|free| free >= ROOM_IN_KIBIBYTES);
        Place::create(if has_room { memory } else { dir }, "gozon-tests", None).map(Scratch)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// What may still be written to the file system of `path`.
fn free_kibibytes(path: &Path) -> Result<u64> {
    let output = Command::new("df").arg("-Pk").arg(path).stderr(Stdio::null()).output().context("cannot run df")?;
    let text = String::from_utf8(output.stdout)?;
    let free = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)).context("df says nothing")?;
    Ok(free.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_below_what_was_named_when_there_is_no_memory_for_it() {
        assert!(free_kibibytes(&std::env::temp_dir()).unwrap() > 0);
        assert!(free_kibibytes(Path::new("/no such directory")).is_err());
        let scratch = Scratch::in_memory_or(&std::env::temp_dir()).unwrap();
        let path = scratch.path().to_owned();
        assert!(path.starts_with(MEMORY) || path.starts_with(std::env::temp_dir()));
        drop(scratch);
        assert!(!path.exists());
    }
}
