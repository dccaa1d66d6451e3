//! Texts compare by bytes, and the migration that sees to it in a database that is in use. PostgreSQL only.

use migration::{MigrateError, orders, payments};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use sea_orm_migration::MigratorTrait;

use crate::database::{TestDatabase, TestResult};

/// All but the migration that is tested here.
async fn before<M: MigratorTrait>(db: &DatabaseConnection) -> Result<(), DbErr> {
    M::up(db, u32::try_from(M::migrations().len() - 1).ok()).await
}

async fn texts(db: &DatabaseConnection, sql: &str) -> TestResult<Vec<String>> {
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
}

/// The text columns of all indexes that do not compare by bytes.
const BY_THE_DATABASE: &str = "SELECT DISTINCT c.relname || '.' || a.attname AS name
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = i.indexrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND a.attcollation <> 0
      AND a.attcollation <> (SELECT oid FROM pg_collation WHERE collname = 'C') AND c.relname <> 'seaql_migrations'
    ORDER BY 1";

pub async fn what_is_unique_or_searched_compares_by_bytes(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    before::<payments::Migrator>(&db).await?;
    assert!(!texts(&db, BY_THE_DATABASE).await?.is_empty(), "before, the database's collation decides");
    payments::up(&db).await?;
    assert_eq!(texts(&db, BY_THE_DATABASE).await?, [""; 0]);
    payments::down(&database.connect().await?).await?;
    let db = database.connect().await?;
    before::<orders::Migrator>(&db).await?;
    let tables = "SELECT relname || ' ' || relfilenode FROM pg_class WHERE relname IN ('orders', 'parked') ORDER BY 1";
    let files = texts(&db, tables).await?;
    orders::up(&db).await?;
    assert_eq!(texts(&db, BY_THE_DATABASE).await?, [""; 0]);
    assert_eq!(texts(&db, tables).await?, files, "no table is written anew");
    Ok(())
}

pub async fn duplicates_that_a_wrong_index_let_in_are_named_and_nothing_is_changed(
    database: TestDatabase,
) -> TestResult {
    let db = database.connect().await?;
    before::<payments::Migrator>(&db).await?;
    // As if the index had not found the first one.
    db.execute_unprepared(
        "ALTER TABLE accounts DROP CONSTRAINT accounts_pkey;
         INSERT INTO accounts VALUES ('ann', 5, 1, 'RUB', 0), ('ann', 0, 0, 'RUB', 1), ('bob', 0, 0, 'RUB', 1)",
    )
    .await?;
    let Err(MigrateError::Broken(words)) = payments::up(&db).await else { panic!("there are two accounts of ann") };
    assert!(words.contains("accounts") && words.contains("(user_id)") && words.contains(": ann. "), "{words}");
    assert!(!texts(&db, BY_THE_DATABASE).await?.is_empty(), "nothing was changed");
    db.execute_unprepared(
        "DELETE FROM accounts WHERE balance_minor = 0; ALTER TABLE accounts ADD PRIMARY KEY (user_id)",
    )
    .await?;
    payments::up(&database.connect().await?).await?;
    Ok(())
}

pub async fn a_migration_that_does_not_get_its_lock_says_who_has_it_and_leaves_the_queue(
    database: TestDatabase,
) -> TestResult {
    let db = database.connect().await?;
    before::<orders::Migrator>(&db).await?;
    let dump = database.connect().await?;
    dump.execute_unprepared("SET application_name = 'pg_dump'; BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE").await?;
    let Err(MigrateError::Locked(holders)) = orders::up(&db).await else { panic!("orders is locked") };
    assert!(holders.contains("pg_dump") && holders.contains("LOCK TABLE orders"), "{holders}");
    // Nobody stands behind it any more.
    let reader = database.connect().await?;
    reader.execute_unprepared("SET lock_timeout = '1ms'; SELECT * FROM orders").await?;
    dump.execute_unprepared("COMMIT").await?;
    orders::up(&db).await?;
    assert_eq!(texts(&db, BY_THE_DATABASE).await?, [""; 0]);
    Ok(())
}
