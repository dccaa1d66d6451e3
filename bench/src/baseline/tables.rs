//! A database with the tables of both services, made by the real migrations. Absent: the migrations themselves.

use anyhow::{Context, Result};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use store::{Options, Plans, Store};
use uuid::Uuid;

const SCHEMA: &str = include_str!("../../sql/schema.sql");

/// Creates the database on this server; gives its URL.
///
/// # Errors
/// When the server refuses.
pub async fn create(server: &str) -> Result<String> {
    let database = format!("baseline_{}", Uuid::new_v4().simple());
    let (address, _) = server.rsplit_once('/').context("a PostgreSQL URL ends in /<database>")?;
    let url = format!("{address}/{database}");
    execute(server, &format!("CREATE DATABASE {database}")).await?;
    execute(&url, "CREATE SCHEMA orders; CREATE SCHEMA payments").await?;
    in_schema(&url, "orders", async |connection| Ok(migration::orders::up(connection).await?)).await?;
    in_schema(&url, "payments", async |connection| Ok(migration::payments::up(connection).await?)).await?;
    execute(&url, SCHEMA).await?;
    Ok(url)
}

/// Executes statements.
///
/// # Errors
/// When the server refuses.
pub async fn execute(url: &str, sql: &str) -> Result<()> {
    connected(url, async |connection| Ok(connection.execute_unprepared(sql).await.map(drop)?)).await
}

async fn in_schema(url: &str, schema: &str, work: impl AsyncFnOnce(&DatabaseConnection) -> Result<()>) -> Result<()> {
    connected(&format!("{url}?options[search_path]={schema}"), work).await
}

async fn connected(url: &str, work: impl AsyncFnOnce(&DatabaseConnection) -> Result<()>) -> Result<()> {
    let store =
        Store::open(&Options { url: url.to_owned(), max_connections: 1, application: "bench", plans: Plans::Free })
            .await?;
    let done = work(store.pool()).await;
    store.close().await?;
    done
}
