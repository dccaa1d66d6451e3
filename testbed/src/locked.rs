//! Files that nobody may write any more, not even who has them open: what a file system is like to a running program that has turned
//! read-only under it.
//!
//! Absent: remounting; the system refuses that as long as a file is open for writing, and what a damaged disk does to itself lasts until
//! everybody has gone.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{leash::Leash, not_run};

/// The file by which it is found out whether the system keeps to it.
const PROBE: &str = "probe";

/// Files that are locked until `Drop`, or until a leash notices that their owner is dead.
pub struct Locked {
    files: Vec<PathBuf>,
    probe: PathBuf,
    _leash: Leash,
}

impl Locked {
    /// Locks all files of a directory but those whose names end so; `None`, after a line on standard error that says why, where the
    /// system has no such thing (without root, and on file systems other than ext4 and XFS).
    ///
    /// # Errors
    /// When nothing can be written there before.
    pub fn lock(directory: &Path, but: &str) -> Result<Option<Locked>> {
        let probe = directory.join(PROBE);
        let mut open = File::create(&probe).with_context(|| format!("cannot write {}", probe.display()))?;
        let mut files = fs::read_dir(directory)?.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
        files.retain(|file| file.is_file() && !file.to_string_lossy().ends_with(but));
        let locked = Locked { _leash: Leash::on_locked(&files)?, files, probe };
        if let Err(why) = chattr("+i", &locked.files) {
            not_run(&format!("it needs files that nobody may write: {why:#}"))?;
            return Ok(None);
        }
        if open.write_all(b"x").is_ok() {
            not_run("here, who has a file open may go on writing it")?;
            return Ok(None);
        }
        Ok(Some(locked))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let unlocked = chattr("-i", &self.files);
        if let Err(error) = unlocked.and_then(|()| Ok(fs::remove_file(&self.probe)?)) {
            eprintln!("{} may stay locked: {error:#}", self.probe.display());
        }
    }
}

fn chattr(how: &str, files: &[PathBuf]) -> Result<()> {
    let mut chattr = Command::new("chattr");
    let output = chattr.arg(how).args(files).stdin(Stdio::null()).output().context("cannot run chattr")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    #[test]
    fn a_locked_file_is_not_written_until_it_is_unlocked() {
        let place = Place::create(&std::env::temp_dir(), "locked", None).unwrap();
        let [mut file, mut other] = ["file", "other"].map(|name| File::create(place.path().join(name)).unwrap());
        let Some(locked) = Locked::lock(place.path(), "other").unwrap() else { return };
        assert!(file.write_all(b"x").is_err());
        other.write_all(b"x").unwrap();
        drop(locked);
        file.write_all(b"x").unwrap();
        assert!(!place.path().join(PROBE).exists());
    }
}
