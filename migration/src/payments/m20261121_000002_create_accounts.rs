//! The table `accounts`; where a balance came from is in `entries`.

use sea_orm_migration::{prelude::*, schema::*};

/// The largest balance in minor units: 1000000000000.00.
const MAX_MINOR: i64 = 100_000_000_000_000;

/// Creates `accounts`.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(accounts()).await?;
        leave_room_for_updates(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("accounts").take()).await
    }
}

fn accounts() -> TableCreateStatement {
    let balance = || Expr::col("balance_minor");
    Table::create()
        .table("accounts")
        .col(text("user_id").primary_key())
        .col(big_integer("balance_minor"))
        .col(big_integer("seq"))
        .col(text("currency"))
        .col(big_integer("created_at"))
        .check(("accounts_balance_in_range", balance().gte(0).and(balance().lte(MAX_MINOR))))
        .check(("accounts_seq_from_zero", Expr::col("seq").gte(0)))
        .take()
}

/// A balance is updated again and again, never in an indexed column: half a page free keeps those updates HOT.
async fn leave_room_for_updates(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() != sea_orm::DbBackend::Postgres {
        return Ok(());
    }
    manager.get_connection().execute_unprepared("ALTER TABLE accounts SET (fillfactor = 50)").await.map(drop)
}
