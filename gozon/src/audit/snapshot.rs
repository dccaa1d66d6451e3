//! One database at one moment: a transaction that reads, whose every statement sees the same.
//! Absent: locks. Nobody waits for a snapshot; PostgreSQL keeps old row versions and SQLite its log until it ends.

use crate::databases::{Database, DatabaseError, refuse_another};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, IsolationLevel, QueryResult,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, Value,
};
use store::{Rows, Sql, Store};

/// The first read of a table decides what a snapshot sees; BEGIN alone does not, on either database.
static FIX_THE_MOMENT: Sql = Sql::new("SELECT count(*) AS rows FROM (SELECT id FROM outbox LIMIT 1) AS any_row");
/// The time limits are made for requests; an audit of millions of rows takes longer than those may.
const NO_TIME_LIMITS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// One database at one moment.
#[derive(Debug)]
pub struct Snapshot {
    database: Database,
    transaction: DatabaseTransaction,
}

impl Snapshot {
    /// Takes it now.
    ///
    /// # Errors
    /// [`DatabaseError`] when the database gives no answer or was never migrated.
    pub async fn take(store: &Store, database: Database) -> Result<Self, DatabaseError> {
        let taken = take(store, database).await.map_err(|error| DatabaseError { database, error })?;
        Ok(Self { database, transaction: taken })
    }

    /// Runs a statement that reads, and reads its rows.
    pub(super) async fn read<T>(
        &self,
        sql: &Sql,
        values: Vec<Value>,
        row: impl Fn(&QueryResult) -> Result<T, DbErr>,
    ) -> Result<Vec<T>, DatabaseError> {
        let rows = sql.query(&self.transaction, Rows::new(), values).await;
        rows.and_then(|rows| rows.iter().map(row).collect())
            .map_err(|error| DatabaseError { database: self.database, error })
    }

    /// Lets the moment go.
    ///
    /// # Errors
    /// The driver's; the database lets go on its own then.
    pub async fn end(self) -> Result<(), DbErr> {
        self.transaction.rollback().await
    }
}

async fn take(store: &Store, database: Database) -> Result<DatabaseTransaction, DbErr> {
    let sqlite = store.backend() == DbBackend::Sqlite;
    let options = TransactionOptions {
        isolation_level: (!sqlite).then_some(IsolationLevel::RepeatableRead),
        access_mode: (!sqlite).then_some(AccessMode::ReadOnly),
        // Deferred: it reads beside the writer, and never becomes one.
        sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
    };
    let transaction = store.pool().begin_with_options(options).await?;
    if !sqlite {
        transaction.execute_unprepared(NO_TIME_LIMITS).await?;
    }
    FIX_THE_MOMENT.query(&transaction, Rows::new(), Vec::new()).await?;
    refuse_another(&transaction, database).await?;
    Ok(transaction)
}
