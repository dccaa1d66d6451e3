//! Why a database was not brought up to date, in the kinds that call for different answers.

use sea_orm::DbErr;

/// Why a database was not brought up to date. Nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MigrateError {
    /// The driver's. Soon it may work as it is.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// It has another history: it is the other service's, or a newer program has made it.
    #[error("{0}")]
    NotOurs(String),
    /// Somebody has held a lock for longer than a migration waits. Not to be tried again for a while: whoever comes behind one that
    /// waits for a lock waits, too.
    #[error("a table that has to change is locked for longer than a migration waits{0}")]
    Locked(String),
    /// What is in it has to be mended by an operator first.
    #[error("{0}")]
    Broken(String),
}
