//! What is in a data directory before it is opened: a shop, or nothing. Databases are made together, once, or not at all.
//! Absent: what they hold; only their sizes and their logs are looked at.

use crate::config::{ORDERS_FILE, PAYMENTS_FILE};
use std::{fs, io, path::Path};

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing that was ever in use.
    Nothing,
    /// Both databases.
    Shop,
}

/// Looks, and makes both files if there is nothing: from then on one without the other is one that was lost.
///
/// # Errors
/// In words, when half of a shop is there, or nothing and `existing`.
pub fn prepare(dir: &Path, existing: bool) -> Result<Found, String> {
    let size = |name: &str| match fs::metadata(dir.join(name)) {
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", dir.join(name).display())),
    };
    let half = |missing: &str, there: &str| {
        Err(format!(
            "{} has {there} and no {missing}: put {missing} back (a shop is two databases, and never made by halves)",
            dir.display()
        ))
    };
    match (size(ORDERS_FILE)?, size(PAYMENTS_FILE)?) {
        (Some(1..), None) => return half(PAYMENTS_FILE, ORDERS_FILE),
        (None, Some(1..)) => return half(ORDERS_FILE, PAYMENTS_FILE),
        (Some(1..), Some(_)) | (Some(_), Some(1..)) => return Ok(Found::Shop),
        (None | Some(0), None | Some(0)) => {}
    }
    for database in [ORDERS_FILE, PAYMENTS_FILE] {
        let log = format!("{database}-wal");
        if size(&log)?.is_some_and(|size| size > 0) {
            return Err(format!(
                "{} has {log} and no {database} that it belongs to: put the database back",
                dir.display()
            ));
        }
    }
    made(dir, existing)?;
    for database in [ORDERS_FILE, PAYMENTS_FILE] {
        let made = fs::OpenOptions::new().create(true).append(true).open(dir.join(database));
        made.map_err(|error| format!("{} cannot be made: {error}", dir.join(database).display()))?;
    }
    Ok(Found::Nothing)
}

/// What to say of a shop that is made.
///
/// # Errors
/// In words, when none may be.
pub fn made(dir: &Path, existing: bool) -> Result<String, String> {
    if existing {
        return Err(format!("there is no shop in {}, and --existing forbids to make one", dir.display()));
    }
    Ok(format!("made a new, empty shop in {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Files = &'static [(&'static str, &'static str)];

    #[test]
    fn a_shop_is_two_databases_and_is_made_at_once_or_not_at_all() {
        let cases: [(Files, Result<Found, &str>); 8] = [
            (&[], Ok(Found::Nothing)),
            (&[("orders.db", "")], Ok(Found::Nothing)),
            (&[("orders.db", "x"), ("payments.db", "x")], Ok(Found::Shop)),
            (&[("orders.db", "x"), ("payments.db", "")], Ok(Found::Shop)),
            (&[("orders.db", "x")], Err("no payments.db")),
            (&[("payments.db", "x")], Err("no orders.db")),
            (&[("orders.db-wal", "x")], Err("put the database back")),
            (&[("orders.db", ""), ("payments.db", ""), ("payments.db-wal", "x")], Err("put the database back")),
        ];
        for (files, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            for (name, text) in files {
                fs::write(dir.path().join(name), text).unwrap();
            }
            match (prepare(dir.path(), false), expected) {
                (Err(words), Err(part)) => {
                    assert!(words.contains(part), "{words}");
                    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), files.len(), "nothing was made");
                }
                (found, expected) => assert_eq!(found.as_ref().ok(), expected.as_ref().ok(), "{files:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn none_is_made_where_one_was_expected() {
        let dir = tempfile::tempdir().unwrap();
        assert!(prepare(dir.path(), true).unwrap_err().contains("--existing"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(prepare(dir.path(), false), Ok(Found::Nothing));
        assert!(prepare(dir.path(), true).is_err(), "two files that were never in use are no shop");
    }
}
