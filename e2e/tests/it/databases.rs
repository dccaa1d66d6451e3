//! What an operator does to a PostgreSQL: statements, settings. Absent: killing it (outages).

use e2e::Result;
use sea_orm::ConnectionTrait;
use store::{Options, Plans, Store};
use testbed::Postgres;

/// Runs statements on the database.
pub async fn execute(url: &str, statements: &[&str]) -> Result<()> {
    let options = Options { url: url.to_owned(), max_connections: 1, application: "e2e", plans: Plans::Free };
    let store = Store::open(&options).await?;
    for sql in statements {
        store.connection().execute_unprepared(sql).await?;
    }
    Ok(store.close().await?)
}

/// Changes a setting of the whole server. Sessions learn of it before their next transaction.
pub async fn set(postgres: &Postgres, setting: &str, value: &str) -> Result<()> {
    let alter = format!("ALTER SYSTEM SET {setting} = {value}");
    execute(&postgres.admin_url(), &[&alter, "SELECT pg_reload_conf()"]).await
}
