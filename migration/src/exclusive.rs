//! One transaction, one migrating instance at a time; which migrations run is the caller's choice.

use crate::MigrateError;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel, RuntimeErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigratorTrait, SchemaManager};

/// The key of PostgreSQL's advisory lock: "gozonmig" in ASCII. Such locks are kept apart by database, so one will do.
const LOCK_KEY: i64 = 0x676f_7a6f_6e6d_6967;

/// How long we wait for the instance that migrates. Nobody but migrating instances waits for this lock, so nobody is held up by it.
const WAIT_FOR_ANOTHER_INSTANCE: &str = "60s";
/// How long we wait for a table: everybody who wants it comes to stand behind us meanwhile.
const WAIT_FOR_A_TABLE: &str = "2s";
/// PostgreSQL's `lock_not_available`.
const LOCKED: &str = "55P03";
/// Who has held locks on our tables, or on rows in them, for longest. Of another role's session a plain role does not see what it does.
const HOLDERS: &str = "SELECT concat_ws(' ', a.pid, nullif(a.application_name, ''), 'of ' || a.usename)
        || coalesce(', ' || a.state, '')
        || coalesce(' since ' || to_char(coalesce(a.xact_start, a.state_change), 'YYYY-MM-DD HH24:MI:SSOF'), '')
        || coalesce(': ' || left(a.query, 60), '') AS holder
    FROM pg_stat_activity a
    WHERE a.pid <> pg_backend_pid() AND a.datname = current_database() AND EXISTS (
        SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE l.pid = a.pid AND l.granted AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace)
    ORDER BY a.xact_start LIMIT 3";

/// Applies what is pending; of several callers the first does the work and the others find it done. A database with another
/// history, that of the other service or of a newer version, is left as it is.
pub(crate) async fn up<M: MigratorTrait, Other: MigratorTrait>(
    db: &DatabaseConnection,
    other: &str,
) -> Result<(), MigrateError> {
    let transaction = begin(db).await?;
    let outcome = match refuse_another_history::<M, Other>(&transaction, other).await {
        Ok(()) => M::up(&transaction, None).await.map_err(sorted),
        Err(error) => Err(error),
    };
    match finish(transaction, outcome).await {
        Err(MigrateError::Locked(_)) => Err(MigrateError::Locked(holders(db).await)),
        outcome => outcome,
    }
}

/// A migration's own words are about what is in the tables.
fn sorted(error: DbErr) -> MigrateError {
    match error {
        DbErr::Custom(words) => MigrateError::Broken(words),
        error if is_locked(&error) => MigrateError::Locked(String::new()),
        error => MigrateError::Database(error),
    }
}

fn is_locked(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some(LOCKED)
}

/// For an operator, in words; nothing if it cannot be found out.
async fn holders(db: &DatabaseConnection) -> String {
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, HOLDERS)).await.unwrap_or_default();
    let holders: Vec<String> = rows.iter().filter_map(|row| row.try_get("", "holder").ok()).collect();
    if holders.is_empty() {
        String::new()
    } else {
        format!("; the oldest sessions that hold locks: {}", holders.join("; "))
    }
}

async fn refuse_another_history<M: MigratorTrait, Other: MigratorTrait>(
    transaction: &DatabaseTransaction,
    other: &str,
) -> Result<(), MigrateError> {
    let record = M::migration_table_name().to_string();
    if !SchemaManager::new(transaction).has_table(&record).await? {
        return Ok(());
    }
    let (ours, theirs) = (names::<M>(), names::<Other>());
    let applied = M::get_migration_models(transaction).await?;
    match applied.into_iter().map(|applied| applied.version).find(|applied| !ours.contains(applied)) {
        None => Ok(()),
        Some(applied) if theirs.contains(&applied) => {
            Err(MigrateError::NotOurs(format!("this database belongs to {other}: give each service its own")))
        }
        Some(applied) => Err(MigrateError::NotOurs(format!(
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
        let alone = format!(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{WAIT_FOR_ANOTHER_INSTANCE}'; \
             SELECT pg_advisory_xact_lock({LOCK_KEY}); SET LOCAL lock_timeout = '{WAIT_FOR_A_TABLE}'"
        );
        transaction.execute_unprepared(&alone).await?;
    }
    Ok(transaction)
}

/// Commits, or rolls back at once: left to the drop, the rollback would wait for the connection's next use, lock in hand.
async fn finish<E: From<DbErr>>(transaction: DatabaseTransaction, outcome: Result<(), E>) -> Result<(), E> {
    match outcome {
        Ok(()) => Ok(transaction.commit().await?),
        Err(error) => {
            // The first error is the one to tell; a failed rollback means the connection, and with it the lock, is gone.
            let _ = transaction.rollback().await;
            Err(error)
        }
    }
}
