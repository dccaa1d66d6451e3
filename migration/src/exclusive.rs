//! One transaction, one migrating instance at a time; which migrations run is the caller's choice.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigratorTrait, SchemaManager};

/// The key of PostgreSQL's advisory lock: "gozonmig" in ASCII. Such locks are kept apart by database, so one will do.
const LOCK_KEY: i64 = 0x676f_7a6f_6e6d_6967;

/// How long PostgreSQL lets us wait for a lock: a start that can't go on ends with an error and not in silence, and a
/// schema change that waits for a long transaction doesn't hold up everyone behind it for ever.
const LOCK_TIMEOUT: &str = "60s";

/// Applies what is pending; of several callers the first does the work and the others find it done. A database with another
/// history, that of the other service or of a newer version, is left as it is.
pub(crate) async fn up<M: MigratorTrait, Other: MigratorTrait>(
    db: &DatabaseConnection,
    other: &str,
) -> Result<(), DbErr> {
    let transaction = begin(db).await?;
    let outcome = match refuse_another_history::<M, Other>(&transaction, other).await {
        Ok(()) => M::up(&transaction, None).await,
        Err(error) => Err(error),
    };
    finish(transaction, outcome).await
}

async fn refuse_another_history<M: MigratorTrait, Other: MigratorTrait>(
    transaction: &DatabaseTransaction,
    other: &str,
) -> Result<(), DbErr> {
    let record = M::migration_table_name().to_string();
    if !SchemaManager::new(transaction).has_table(&record).await? {
        return Ok(());
    }
    let (ours, theirs) = (names::<M>(), names::<Other>());
    let applied = M::get_migration_models(transaction).await?;
    match applied.into_iter().map(|applied| applied.version).find(|applied| !ours.contains(applied)) {
        None => Ok(()),
        Some(applied) if theirs.contains(&applied) => {
            Err(DbErr::Custom(format!("this database belongs to {other}: give each service its own")))
        }
        Some(applied) => Err(DbErr::Custom(format!(
            "the schema of this database is newer than this program ({applied}): start the newer version"
        ))),
    }
}

fn names<M: MigratorTrait>() -> Vec<String> {
    M::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

/// Takes back everything that was applied.
pub(crate) async fn down<M: MigratorTrait>(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = begin(db).await?;
    let outcome = M::down(&transaction, None).await;
    finish(transaction, outcome).await
}

/// Opens a transaction that holds the lock until its end.
///
/// On SQLite `BEGIN IMMEDIATE` is the lock: a plain `BEGIN` would read first, and then fail at once where it should wait.
async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let on_postgres = db.get_database_backend() == DbBackend::Postgres;
    let options = TransactionOptions {
        // A stricter level would take its snapshot before the lock is ours, and not see what the last holder did.
        isolation_level: on_postgres.then_some(IsolationLevel::ReadCommitted),
        access_mode: None,
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
    };
    let transaction = db.begin_with_options(options).await?;
    if on_postgres {
        // The service's own limit on statements is for requests; a check of a large table takes as long as it takes.
        let limits = format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = 0");
        transaction.execute_unprepared(&limits).await?;
        transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK_KEY})")).await?;
    }
    Ok(transaction)
}

/// Commits, or rolls back at once: left to the drop, the rollback would wait for the connection's next use, lock in hand.
async fn finish(transaction: DatabaseTransaction, outcome: Result<(), DbErr>) -> Result<(), DbErr> {
    match outcome {
        Ok(()) => transaction.commit().await,
        Err(error) => {
            // The first error is the one to tell; a failed rollback means the connection, and with it the lock, is gone.
            let _ = transaction.rollback().await;
            Err(error)
        }
    }
}
