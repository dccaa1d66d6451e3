//! What a database error means for whoever has to decide what to do next.
//! Absent: retrying; that is the caller's decision.

use sea_orm::{
    DbErr, RuntimeErr, SqlxError,
    sqlx::{error::DatabaseError, postgres::PgDatabaseError},
};

/// The kinds of failure that call for different answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The database cannot be reached or cannot write (down, disk full, read-only, not migrated yet). Later it may work as it is.
    Unavailable,
    /// Two units of work met (deadlock, serialisation, lock time-out), or a migration came between a statement and its preparation. The
    /// same again will do.
    Contention,
    /// A constraint refused a row: the data, not the database, is at fault.
    Constraint,
    /// What is stored cannot be read any more: a page or the file is damaged. Only a backup mends it.
    Damaged,
    /// Anything else: a defect of ours. Trying again does not mend it.
    Defect,
}

impl Fault {
    /// Sorts an error.
    pub fn of(error: &DbErr) -> Self {
        match error {
            DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => of_driver(error),
            // A file that is no database is found out when it is opened. Whatever else keeps a connection from being made, such as a
            // password that was changed, is an operator's to mend; until then the database is away.
            DbErr::Conn(RuntimeErr::SqlxError(error)) if of_driver(error) == Self::Damaged => Self::Damaged,
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable,
            _ => Self::Defect,
        }
    }
}

/// Whether [`crate::Together`] has refused to write a part that is not exact: PostgreSQL's `division_by_zero`.
pub(crate) fn is_inexact(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("22012")
}

/// Whether the session, and not the statement, is what is wrong: another one of the same database may do better.
pub(crate) fn is_of_the_session(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    let Some(error) = error.as_database_error() else { return false };
    // It was connected to a server that has become a standby, or was told to be read-only when it began.
    error.code().as_deref() == Some("25006") || is_stale_plan(error)
}

/// A migration has changed what a statement returns that this session had prepared before.
fn is_stale_plan(error: &dyn DatabaseError) -> bool {
    // The code alone also stands for what PostgreSQL cannot do, which would be a defect of ours.
    error
        .try_downcast_ref::<PgDatabaseError>()
        .is_some_and(|error| error.code() == "0A000" && error.routine() == Some("RevalidateCachedQuery"))
}

fn of_driver(error: &SqlxError) -> Fault {
    match error {
        SqlxError::Database(error) if is_stale_plan(&**error) => Fault::Contention,
        SqlxError::Database(error) => match error.code() {
            Some(code) if code.len() == 5 => of_sqlstate(&code),
            Some(code) => code.parse().map_or(Fault::Defect, |code| of_sqlite(code, error.message())),
            None => Fault::Defect,
        },
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => Fault::Unavailable,
        _ => Fault::Defect,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_sqlstate(code: &str) -> Fault {
    match (&code[..2], code) {
        ("40", _) | (_, "55P03") => Fault::Contention,
        ("23", _) => Fault::Constraint,
        // Connection lost, resources (disk full, too many connections), stopped by an operator, read-only, ended because we stood still in a
        // transaction, system error.
        ("08" | "53" | "57" | "58", _) | (_, "25006" | "25P03") => Fault::Unavailable,
        // A page's checksum or header is wrong, or an index points nowhere.
        (_, "XX001" | "XX002") => Fault::Damaged,
        // A table, a column or the database does not exist: the migration has yet to run.
        (_, "42P01" | "42703" | "3D000") => Fault::Unavailable,
        _ => Fault::Defect,
    }
}

/// <https://www.sqlite.org/rescode.html>; an extended code holds the primary one in its low byte.
fn of_sqlite(code: i32, message: &str) -> Fault {
    // The words stand in SQLite's sources; a code of their own they have not.
    let says = |any: &[&str]| any.iter().any(|words| message.contains(words));
    let not_migrated = || says(&["no such table", "no such column", "has no column named"]);
    // A full disk made it take back the whole transaction, of which the work of others was a part.
    let given_up = || says(&["no such savepoint", "no transaction is active"]);
    match code & 0xff {
        5 | 6 => Fault::Contention,
        // Read-only, an error of the disk, full, cannot be opened.
        8 | 10 | 13 | 14 => Fault::Unavailable,
        19 => Fault::Constraint,
        // Also a statement with a mistake in it.
        1 if not_migrated() || given_up() => Fault::Unavailable,
        11 | 26 => Fault::Damaged,
        _ => Fault::Defect,
    }
}

/// What a test plants where a database is asked for something: the connection broke before the answer.
#[cfg(feature = "failpoints")]
pub fn planted() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("planted by a test".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_codes_are_sorted_by_what_to_do_about_them() {
        for (code, fault) in [
            ("40P01", Fault::Contention),
            ("40001", Fault::Contention),
            ("23505", Fault::Constraint),
            ("53100", Fault::Unavailable),
            ("57P01", Fault::Unavailable),
            ("25006", Fault::Unavailable),
            ("25P03", Fault::Unavailable),
            ("42703", Fault::Unavailable),
            ("42601", Fault::Defect),
            ("XX001", Fault::Damaged),
            ("XX002", Fault::Damaged),
        ] {
            assert_eq!(of_sqlstate(code), fault, "{code}");
        }
        for (code, message, fault) in [
            (5, "database is locked", Fault::Contention),
            (517, "database is locked", Fault::Contention),
            (2067, "UNIQUE constraint failed: inbox.message_id", Fault::Constraint),
            (13, "database or disk is full", Fault::Unavailable),
            (778, "disk I/O error", Fault::Unavailable),
            (8, "attempt to write a readonly database", Fault::Unavailable),
            (1, "no such table: orders", Fault::Unavailable),
            (1, "table orders has no column named refund_id", Fault::Unavailable),
            (1, "cannot commit - no transaction is active", Fault::Unavailable),
            (1, "no such savepoint: _sqlx_savepoint_1", Fault::Unavailable),
            (1, "near \"SELEKT\": syntax error", Fault::Defect),
            (11, "database disk image is malformed", Fault::Damaged),
            (26, "file is not a database", Fault::Damaged),
            (20, "datatype mismatch", Fault::Defect),
        ] {
            assert_eq!(of_sqlite(code, message), fault, "{code} {message}");
        }
    }
}
