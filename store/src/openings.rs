//! Connections to SQLite that were opened while the file could not be written, and have to go.
//!
//! SQLite then opens for reading, without a word, and such a connection never writes again, though the file may have become writable. So
//! whichever is as old as the last one that was opened for reading is opened anew before it is used.
//! Absent: connections of those who only read (the audit).

use crate::{open::SQLITE_BUSY_TIMEOUT, outdated::Outdated};
use sea_orm::{
    SqlxError,
    sqlx::{AssertSqlSafe, Executor, SqliteConnection, error::DatabaseError},
};
use std::time::Duration;

/// A connection counts as made a moment after it was noted.
const MOMENT: Duration = Duration::from_secs(1);
/// Whoever else has the lock proves that we may write; so nobody is waited for.
const TRY: &str = "PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; PRAGMA user_version = 0; ROLLBACK";

/// What is known of the connections of one pool. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Openings(Outdated);

impl Openings {
    /// Finds out whether a new connection may write.
    ///
    /// # Errors
    /// The driver's.
    pub async fn note(&self, connection: &mut SqliteConnection) -> Result<(), SqlxError> {
        if let Err(error) = connection.execute(TRY).await
            && is_read_only(&error)
        {
            // None may be open: that depends on where it was refused.
            drop(connection.execute("ROLLBACK").await);
            tracing::warn!("the database was opened for reading only");
            self.0.note();
        }
        let wait = format!("PRAGMA busy_timeout = {}", SQLITE_BUSY_TIMEOUT.as_millis());
        connection.execute(AssertSqlSafe(wait)).await.map(drop)
    }

    /// Whether a connection of that age may be one for reading.
    pub fn may_be_read_only(&self, age: Duration) -> bool {
        self.0.includes(age, MOMENT)
    }
}

/// <https://www.sqlite.org/rescode.html#readonly>
fn is_read_only(error: &SqlxError) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::sqlx::{Connection, sqlite::SqliteConnectOptions};
    use std::time::Instant;

    async fn noted(read_only: bool) -> Openings {
        let dir = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(dir.path().join("test.db")).create_if_missing(true);
        SqliteConnection::connect_with(&options).await.unwrap().close().await.unwrap();
        let mut connection = SqliteConnection::connect_with(&options.read_only(read_only)).await.unwrap();
        let openings = Openings::default();
        openings.note(&mut connection).await.unwrap();
        openings
    }

    #[tokio::test]
    async fn a_connection_that_may_write_is_kept_however_old() {
        assert!(!noted(false).await.may_be_read_only(Duration::MAX));
    }

    #[tokio::test]
    async fn connections_as_old_as_one_for_reading_have_to_go_and_younger_ones_have_not() {
        let openings = noted(true).await;
        assert!(openings.may_be_read_only(Duration::ZERO) && openings.may_be_read_only(Duration::MAX));
        let long_ago = Instant::now().checked_sub(Duration::from_secs(60));
        openings.0.note_at(long_ago);
        assert!(openings.may_be_read_only(Duration::from_secs(60)));
        assert!(!openings.may_be_read_only(Duration::from_secs(50)));
    }
}
