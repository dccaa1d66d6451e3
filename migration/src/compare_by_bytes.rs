//! On PostgreSQL, everything that is unique or searched compares by bytes (`COLLATE "C"`), as SQLite does anyway.
//!
//! A database's own collation comes from its operating system. When that is updated, texts may sort otherwise than the indexes over
//! them were built, and then a unique index lets in what is there already: two accounts of one user. What is compared here is ASCII.
//!
//! The tables are not written anew, but their indexes over these columns are, and CHECKs over them are tested again.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::prelude::*;

/// Changes the columns of one database.
pub(crate) struct CompareByBytes {
    /// Each table with those of its columns.
    pub columns: &'static [(&'static str, &'static [&'static str])],
    /// What is unique: each table with its columns, none of them NULL.
    pub unique: &'static [(&'static str, &'static [&'static str])],
}

/// How many duplicates are named.
const NAMED: usize = 5;
/// Only the table itself says what is in it: an index may be what is wrong.
const BY_TABLE: &str = "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; \
    SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = on";

impl MigrationName for CompareByBytes {
    fn name(&self) -> &str {
        "m20261201_000007_compare_by_bytes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CompareByBytes {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let connection = manager.get_connection();
        connection.execute_unprepared(BY_TABLE).await?;
        for (table, columns) in self.unique {
            refuse_duplicates(connection, table, columns).await?;
        }
        self.collate(connection, "\"C\"").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        self.collate(manager.get_connection(), "\"default\"").await
    }
}

impl CompareByBytes {
    /// One statement a table, so that each index is built once; and all locks first, so that no table is shut while another is waited for.
    async fn collate(&self, connection: &impl ConnectionTrait, collation: &str) -> Result<(), DbErr> {
        let tables: Vec<_> = self.columns.iter().map(|(table, _)| *table).collect();
        connection.execute_unprepared(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", "))).await?;
        for (table, columns) in self.columns {
            let change = |column: &&str| format!("ALTER COLUMN {column} TYPE text COLLATE {collation}");
            let changes: Vec<_> = columns.iter().map(change).collect();
            connection.execute_unprepared(&format!("ALTER TABLE {table} {}", changes.join(", "))).await?;
        }
        Ok(())
    }
}

async fn refuse_duplicates(connection: &impl ConnectionTrait, table: &str, columns: &[&str]) -> Result<(), DbErr> {
    let listed = columns.join(", ");
    let shown: Vec<_> = columns.iter().map(|column| format!("{column}::text")).collect();
    let complete: Vec<_> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    let sql = format!(
        "SELECT concat_ws(' ', {}) AS duplicate FROM {table} WHERE {} GROUP BY {listed} HAVING count(*) > 1 LIMIT {}",
        shown.join(", "),
        complete.join(" AND "),
        NAMED + 1,
    );
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let named = rows.iter().take(NAMED).map(|row| row.try_get("", "duplicate")).collect::<Result<Vec<String>, _>>()?;
    let more = if rows.len() > NAMED { ", …" } else { "" };
    Err(DbErr::Custom(format!(
        "{table} has rows that should be unique by ({listed}) more than once: {}{more}. An index was wrong and let them in; see the \
         operator's book, then start again",
        named.join(", "),
    )))
}
