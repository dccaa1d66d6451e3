//! What a database error means for whoever has to decide what to do next.
//! Absent: retrying; that is the caller's decision.

use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// The kinds of failure that call for different answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The database cannot be reached or cannot write (down, disk full, read-only, not migrated yet). Later it may work.
    Unavailable,
    /// Two units of work met (deadlock, serialisation, lock time-out). The same again will do.
    Contention,
    /// A constraint refused a row: the data, not the database, is at fault.
    Constraint,
    /// Anything else: a defect of ours.
    Defect,
}

impl Fault {
    /// Sorts an error.
    pub fn of(error: &DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable,
            DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => of_driver(error),
            _ => Self::Defect,
        }
    }
}

fn of_driver(error: &SqlxError) -> Fault {
    match error {
        SqlxError::Database(error) => match error.code() {
            Some(code) if code.len() == 5 => of_sqlstate(&code),
            Some(code) => code.parse().map_or(Fault::Defect, of_sqlite),
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
        // Connection lost, resources (disk full, too many connections), stopped by an operator, read-only, system error.
        ("08" | "53" | "57" | "58", _) | (_, "25006") => Fault::Unavailable,
        // A table, a column or the database does not exist: the migration has yet to run.
        (_, "42P01" | "42703" | "3D000") => Fault::Unavailable,
        _ => Fault::Defect,
    }
}

/// <https://www.sqlite.org/rescode.html>; an extended code holds the primary one in its low byte.
fn of_sqlite(code: i32) -> Fault {
    const ERROR: i32 = 1; // also "no such table": the migration has yet to run
    match code & 0xff {
        5 | 6 => Fault::Contention,
        8 | 10 | 11 | 13 | 14 | 26 => Fault::Unavailable,
        19 => Fault::Constraint,
        ERROR => Fault::Unavailable,
        _ => Fault::Defect,
    }
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
            ("42703", Fault::Unavailable),
            ("42601", Fault::Defect),
        ] {
            assert_eq!(of_sqlstate(code), fault, "{code}");
        }
        for (code, fault) in [
            (5, Fault::Contention),
            (517, Fault::Contention),
            (2067, Fault::Constraint),
            (13, Fault::Unavailable),
            (8, Fault::Unavailable),
            (20, Fault::Defect),
        ] {
            assert_eq!(of_sqlite(code), fault, "{code}");
        }
    }
}
