//! The table `identity` with its one row, as one migration that both histories use with a few words of their own.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_migration::{prelude::*, schema::*};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Creates `identity` and writes its row.
pub(crate) struct CreateIdentity {
    /// Whose database it is.
    pub service: &'static str,
    /// The table whose rows say in which currency older data is, and since when there is any.
    pub kept_in: &'static str,
}

impl MigrationName for CreateIdentity {
    fn name(&self) -> &str {
        "m20261201_000006_create_identity"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateIdentity {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(identity()).await?;
        let backend = manager.get_database_backend();
        let (mark, table) = (if backend == DbBackend::Postgres { '$' } else { '?' }, self.kept_in);
        let sql = format!(
            "INSERT INTO identity (id, service, database_id, currency, created_at)
             SELECT 1, {mark}1, {mark}2, (SELECT currency FROM {table} LIMIT 1),
                    coalesce((SELECT min(created_at) FROM {table}), {mark}3)"
        );
        let values = [self.service.into(), Uuid::new_v4().into(), now().into()];
        let insert = Statement::from_sql_and_values(backend, sql, values);
        manager.get_connection().execute_raw(insert).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("identity").take()).await
    }
}

fn identity() -> TableCreateStatement {
    Table::create()
        .table("identity")
        .col(integer("id").primary_key())
        .col(text("service"))
        .col(uuid("database_id"))
        .col(uuid_null("partner_id"))
        .col(text_null("currency"))
        .col(big_integer("created_at"))
        .check(("identity_has_one_row", Expr::col("id").eq(1)))
        .check(("identity_service_known", Expr::col("service").is_in(["orders-svc", "payments-svc"])))
        .take()
}

/// In microseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_micros().try_into().unwrap_or(i64::MAX)
}
