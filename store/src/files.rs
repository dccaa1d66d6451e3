//! The files of SQLite databases: whether those at their paths are still the ones that were opened.
//!
//! Somebody may move, delete or replace them under a program that runs. It would go on writing where nobody will look, and what it
//! opens later would be another file. So they are looked at before what was committed is answered, around each opening of a connection and
//! once a second, and from the first difference on the program does nothing more.
//! Absent: opening or closing any of them, which would drop the locks that SQLite has on them (<https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>).

use crate::Door;
use sea_orm::{DbErr, RuntimeErr};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

/// How often they are looked at when nobody commits.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Where the system shows what this process has open, with the links that it has left.
const OPEN_HERE: &str = "/proc/self/fd";

/// Which file it is, whatever it is called: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The inode on it.
    pub inode: u64,
}

impl FileId {
    /// Of the file at this path; `None` when there is none.
    ///
    /// # Errors
    /// The system's, when it cannot be found out.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(found) => Ok(Some(Self::of(&found))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Of a file that was looked at.
    pub fn of(found: &fs::Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }

    /// How many names the file has that is open here; `None` when it is not open, or the system does not show it.
    fn names_left(self) -> Option<u64> {
        let open = fs::read_dir(OPEN_HERE).ok()?.filter_map(|entry| fs::metadata(entry.ok()?.path()).ok());
        open.filter(|found| Self::of(found) == self).map(|found| found.nlink()).next()
    }
}

/// Files that belong together, and the doors that are shut when one of them is not there any more. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    files: Vec<(PathBuf, Option<FileId>)>,
    doors: Vec<Door>,
    /// What was said about the first difference.
    gone: Option<String>,
}

impl Files {
    /// From now on the file at this path has to stay the one that it is; one that is not there yet may be made once.
    pub fn watch(&self, path: &Path) {
        let id = FileId::at(path).ok().flatten();
        let mut known = self.known();
        if known.files.iter().all(|(watched, _)| watched != path) {
            known.files.push((path.to_owned(), id));
        }
    }

    /// Has this door shut as well.
    pub fn guard(&self, door: &Door) {
        self.known().doors.push(door.clone());
    }

    /// Looks once a second, as long as somebody has these files. Call it within a runtime.
    pub fn look_regularly(&self) {
        let watched = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(files) = Weak::upgrade(&watched).map(Self) {
                drop(files.look());
                drop(files);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
    }

    /// Looks whether all are still there. At the first difference all doors are shut for good, and one line says what to do.
    ///
    /// # Errors
    /// [`DbErr::Conn`] with that line, from the first difference on.
    pub fn look(&self) -> Result<(), DbErr> {
        let mut known = self.known();
        if known.gone.is_none() {
            known.gone = known.files.iter_mut().find_map(|(path, id)| difference(path, id));
            if let Some(words) = &known.gone {
                tracing::error!("{words}");
                for door in &known.doors {
                    door.shut_for_good(words);
                }
            }
        }
        match &known.gone {
            None => Ok(()),
            Some(words) => Err(DbErr::Conn(RuntimeErr::Internal(words.clone()))),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to do, if the file at the path is not the one that it was.
fn difference(path: &Path, known: &mut Option<FileId>) -> Option<String> {
    // What cannot be looked at is no difference: it may be there.
    let found = FileId::at(path).ok()?;
    let Some(id) = *known else {
        *known = found;
        return None;
    };
    if found == Some(id) {
        return None;
    }
    let path = path.display();
    let moved = id.names_left().is_some_and(|names| names > 0);
    Some(if moved {
        format!(
            "{path} was moved while it was in use; nothing is written any more. Nothing is lost: stop this process, put the files \
             back (or name the place where they are now) and start it again"
        )
    } else {
        format!(
            "{path} was deleted or replaced while it was in use; nothing is written any more. DO NOT STOP this process ({}): it still \
             holds what was answered. The operator's book says how to save it (docs/operations.md, The files are gone)",
            std::process::id()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    struct Place {
        dir: tempfile::TempDir,
        files: Files,
        door: Door,
        _open: File,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let open = File::create(dir.path().join("a.db")).unwrap();
            let (files, door) = (Files::default(), Door::default());
            files.guard(&door);
            files.watch(&dir.path().join("a.db"));
            files.watch(&dir.path().join("a.db-wal"));
            files.look().unwrap();
            Self { dir, files, door, _open: open }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn said(&self) -> String {
            let error = self.files.look().unwrap_err().to_string();
            assert!(self.door.is_shut_for_good());
            assert_eq!(self.files.look().unwrap_err().to_string(), error, "it stays so");
            error
        }
    }

    #[test]
    fn a_file_that_is_moved_may_be_put_back_and_started_with_again() {
        let place = Place::new();
        fs::rename(place.path("a.db"), place.path("b.db")).unwrap();
        assert!(place.said().contains("was moved"), "{}", place.said());
        fs::rename(place.path("b.db"), place.path("a.db")).unwrap();
        assert!(place.files.look().is_err(), "not by the same process");
    }

    #[test]
    fn a_file_that_is_deleted_or_replaced_lives_in_this_process_only() {
        let deleted = Place::new();
        fs::remove_file(deleted.path("a.db")).unwrap();
        assert!(deleted.said().contains("DO NOT STOP"), "{}", deleted.said());
        let replaced = Place::new();
        File::create(replaced.path("backup")).unwrap();
        fs::rename(replaced.path("backup"), replaced.path("a.db")).unwrap();
        assert!(replaced.said().contains("DO NOT STOP"), "{}", replaced.said());
    }

    #[test]
    fn a_log_is_made_once_and_has_to_stay() {
        let place = Place::new();
        let log = File::create(place.path("a.db-wal")).unwrap();
        place.files.look().unwrap();
        fs::remove_file(place.path("a.db-wal")).unwrap();
        assert!(place.said().contains("a.db-wal"), "{}", place.said());
        drop(log);
    }

    #[test]
    fn all_doors_are_shut() {
        let place = Place::new();
        let other = Door::default();
        place.files.guard(&other);
        fs::remove_file(place.path("a.db")).unwrap();
        assert!(place.files.look().is_err() && other.is_shut_for_good());
    }
}
