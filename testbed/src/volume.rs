//! A small volume of a test's own, in memory: filled to the last byte, emptied, made read-only.
//!
//! Absent: any stand-in where the system does not let us mount; whoever asked is told why there is none.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{leash::Leash, not_run, place::Place};

/// What takes up the room.
const BALLAST: &str = "ballast";
/// Written at once; then ever smaller pieces, until not a byte fits.
const LARGEST_PIECE: usize = 1 << 20;

/// A mounted volume; unmounted and removed on `Drop`, or by its leash when its owner dies.
pub struct Volume {
    // Dropped in this order: what is mounted cannot be removed.
    mounted: Mounted,
    _place: Place,
}

struct Mounted {
    root: PathBuf,
    _leash: Leash,
}

impl Volume {
    /// A new one of so many MiB in the system's temporary directory, which every account can reach; `None`, after a line on standard
    /// error that says why, where the system does not let us mount (without root, and in most containers).
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn mount(mebibytes: u32) -> Result<Option<Volume>> {
        let place = Place::create(&std::env::temp_dir(), "volume", None)?;
        let root = place.path().to_owned();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=1777"), "tmpfs"]).arg(&root);
        let output = mount.stdin(Stdio::null()).output().context("cannot run mount")?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            not_run(&format!("it needs a volume of its own: {why}"))?;
            return Ok(None);
        }
        let leash = Leash::on_mount(&root)?;
        Ok(Some(Volume { mounted: Mounted { root, _leash: leash }, _place: place }))
    }

    /// Its root, which everybody may write to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mounted.root
    }

    /// Takes up all the room that is left.
    ///
    /// # Errors
    /// When something else than room is wanting.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.path().join(BALLAST))?;
        let mut piece = vec![b'.'; LARGEST_PIECE];
        while !piece.is_empty() {
            match ballast.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => piece.truncate(piece.len() / 2),
                Err(error) => return Err(error).context("the volume cannot be filled"),
            }
        }
        Ok(())
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// When it was not taken.
    pub fn empty(&self) -> Result<()> {
        fs::remove_file(self.path().join(BALLAST)).context("the volume was not filled")
    }

    /// Lets nobody write any more, or everybody again. Nobody may have a file open for writing.
    ///
    /// # Errors
    /// When somebody has.
    pub fn read_only(&self, read_only: bool) -> Result<()> {
        let how = if read_only { "remount,ro" } else { "remount,rw" };
        let status = Command::new("mount").args(["-o", how]).arg(self.path()).status()?;
        ensure!(status.success(), "mount -o {how}: {status}");
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a server that is just ending may still have a file open.
        match Command::new("umount").arg("--lazy").arg(&self.root).status() {
            Ok(status) if status.success() => {}
            other => eprintln!("{} stays mounted: {other:?}", self.root.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_volume_takes_not_a_byte_until_it_is_emptied_and_a_read_only_one_no_file() {
        let Some(volume) = Volume::mount(1).unwrap() else { return };
        let (root, file) = (volume.path().to_owned(), volume.path().join("file"));
        volume.fill().unwrap();
        assert_eq!(fs::write(&file, "x").unwrap_err().kind(), ErrorKind::StorageFull);
        volume.empty().unwrap();
        fs::write(&file, "x").unwrap();
        volume.read_only(true).unwrap();
        assert_eq!(fs::write(&file, "y").unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
        volume.read_only(false).unwrap();
        fs::write(&file, "y").unwrap();
        drop(volume);
        assert!(!root.exists());
    }
}
