//! The lock of a data directory, held while a shop runs there, so that no second one does; and what it notes of the databases.
//!
//! A write-ahead log belongs to the database that it was written for. Laid over another one, such as a backup that was put in its place, it
//! destroys that. So the lock's file says which files belonged together when they were opened last.
//! Absent: opening the databases; nothing here opens or closes their files.

use crate::config::{ORDERS_FILE, PAYMENTS_FILE};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, Write},
    path::{Path, PathBuf},
};
use store::FileId;

/// The lock's file.
pub const LOCK_FILE: &str = "gozon.lock";
/// Its first line. Version 0.1 left it empty.
const HEAD: &str = "gozon.lock 1";
/// What SQLite calls the log of a database.
const LOG: &str = "-wal";

/// The lock, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    dir: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock of a directory, which is made unless `existing`.
    ///
    /// # Errors
    /// In words, when the directory cannot be used, another shop runs in it, or a log in it belongs to another database.
    pub fn take(dir: &Path, existing: bool) -> Result<Self, String> {
        let cannot = |error: io::Error| format!("{} cannot be used: {error}", dir.display());
        if existing && !dir.is_dir() {
            return Err(format!("there is no directory {}, and --existing forbids to make a shop", dir.display()));
        }
        fs::create_dir_all(dir).map_err(cannot)?;
        let path = dir.join(LOCK_FILE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(cannot)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => format!("another shop is running in {}", dir.display()),
            TryLockError::Error(error) => format!("{} cannot be locked: {error}", dir.join(LOCK_FILE).display()),
        })?;
        for database in [ORDERS_FILE, PAYMENTS_FILE] {
            refuse_foreign_log(&dir.join(database))?;
        }
        Ok(Self { dir: dir.to_owned(), file })
    }

    /// Notes which files belong together now.
    ///
    /// # Errors
    /// In words, when it cannot be written.
    pub fn note(&mut self) -> Result<(), String> {
        let mut text = format!("{HEAD}\n");
        for name in [ORDERS_FILE, PAYMENTS_FILE].into_iter().flat_map(|name| [name.to_owned(), format!("{name}{LOG}")])
        {
            if let Ok(Some(FileId { device, inode })) = FileId::at(&self.dir.join(&name)) {
                text += &format!("{name} {device}:{inode}\n");
            }
        }
        let written =
            self.file.set_len(0).and_then(|()| self.file.rewind()).and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(|error| format!("{} cannot be written: {error}", self.path().display()))
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.dir.join(LOCK_FILE)
    }
}

/// Refuses a database beside which the log of another one lies. One that no shop in a data directory has opened is none of ours.
///
/// # Errors
/// In words.
pub fn refuse_foreign_log(database: &Path) -> Result<(), String> {
    let (Some(dir), Some(name)) = (database.parent(), database.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    let path = dir.join(LOCK_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    let noted = Noted::read(&text).ok_or_else(|| {
        format!(
            "{} is not understood: a newer version has written it, or somebody else; if no shop runs there, remove it",
            path.display()
        )
    })?;
    let log = format!("{name}{LOG}");
    let at = |name: &str| FileId::at(&dir.join(name)).ok().flatten();
    let same_log = at(&log).is_some_and(|found| noted.of(&log) == Some(found));
    let other_database = noted.of(name).is_some_and(|noted| at(name) != Some(noted));
    if same_log && other_database {
        return Err(format!(
            "{log} in {} is the log of another database than the {name} that is there now, and would destroy it: put that database back, or \
             move {log} and {name}-shm away",
            dir.display()
        ));
    }
    Ok(())
}

/// The lines of the file.
struct Noted<'a>(Vec<(&'a str, FileId)>);

impl<'a> Noted<'a> {
    /// `None` when it is not understood.
    fn read(text: &'a str) -> Option<Self> {
        let mut lines = text.lines();
        match lines.next() {
            None => return Some(Self(Vec::new())),
            Some(HEAD) => {}
            Some(_) => return None,
        }
        let line = |line: &'a str| {
            let (name, id) = line.split_once(' ')?;
            let (device, inode) = id.split_once(':')?;
            Some((name, FileId { device: device.parse().ok()?, inode: inode.parse().ok()? }))
        };
        lines.map(line).collect::<Option<_>>().map(Self)
    }

    fn of(&self, name: &str) -> Option<FileId> {
        self.0.iter().find(|(noted, _)| *noted == name).map(|(_, id)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(dir: &Path, files: &[&str]) {
        for file in files {
            fs::write(dir.join(file), file).unwrap();
        }
    }

    fn noted() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut lock = Lock::take(dir.path(), false).unwrap();
        made(dir.path(), &["orders.db", "orders.db-wal", "payments.db", "backup.db"]);
        lock.note().unwrap();
        dir
    }

    #[test]
    fn the_log_of_another_database_is_refused_and_whole_copies_are_not() {
        let dir = noted();
        drop(Lock::take(dir.path(), true).unwrap());
        let copy = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(dir.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        drop(Lock::take(copy.path(), true).unwrap());

        fs::rename(dir.path().join("backup.db"), dir.path().join("orders.db")).unwrap();
        for refused in [Lock::take(dir.path(), false).map(drop), refuse_foreign_log(&dir.path().join("orders.db"))] {
            let words = refused.unwrap_err();
            assert!(words.contains("orders.db-wal") && words.contains("another database"), "{words}");
        }
        refuse_foreign_log(&dir.path().join("payments.db")).unwrap();
        fs::remove_file(dir.path().join("orders.db-wal")).unwrap();
        drop(Lock::take(dir.path(), false).unwrap());
    }

    #[test]
    fn one_shop_runs_in_a_directory_and_an_existing_one_is_not_made() {
        let dir = noted();
        let held = Lock::take(dir.path(), false).unwrap();
        assert!(Lock::take(dir.path(), false).unwrap_err().contains("another shop is running"));
        drop(held);
        let typo = dir.path().join("typo");
        assert!(Lock::take(&typo, true).unwrap_err().contains("--existing"));
        assert!(!typo.exists());
    }

    #[test]
    fn what_is_not_understood_is_refused_and_the_empty_file_of_the_first_version_is_not() {
        let dir = noted();
        for (text, understood) in [
            ("", true),
            ("gozon.lock 1\n", true),
            ("gozon.lock 2\n", false),
            ("gozon.lock 1\norders.db 7\n", false),
            ("x", false),
        ] {
            fs::write(dir.path().join(LOCK_FILE), text).unwrap();
            assert_eq!(refuse_foreign_log(&dir.path().join("orders.db")).is_ok(), understood, "{text:?}");
        }
    }
}
