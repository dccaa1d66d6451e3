//! The table `orders`; a history of an order's changes is deliberately not kept here.

use sea_orm_migration::{prelude::*, schema::*};

/// The largest price in minor units: 1000000000000.00.
const MAX_MINOR: i64 = 100_000_000_000_000;

const STATUSES: [&str; 3] = ["NEW", "FINISHED", "CANCELLED"];
const REASONS: [&str; 4] = ["insufficient_funds", "account_not_found", "cancelled_by_user", "payment_deadline"];

/// Creates `orders` and its indexes.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(orders()).await?;
        leave_room_for_updates(manager).await?;
        manager.create_index(one_order_for_a_key()).await?;
        manager.create_index(orders_of_a_user()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("orders").take()).await
    }
}

fn orders() -> TableCreateStatement {
    Table::create()
        .table("orders")
        .col(pk_uuid("id"))
        .col(text("user_id"))
        .col(big_integer("amount_minor"))
        .col(text("currency"))
        .col(text_null("description"))
        .col(text("status"))
        .col(text_null("reason"))
        .col(integer("version"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .col(big_integer("pay_before"))
        .col(big_integer_null("cancel_requested_at"))
        .col(text_null("idempotency_key"))
        .check((
            "orders_amount_in_range",
            Expr::col("amount_minor").gt(0).and(Expr::col("amount_minor").lte(MAX_MINOR)),
        ))
        .check(("orders_status_known", Expr::col("status").is_in(STATUSES)))
        .check(("orders_reason_known", Expr::col("reason").is_in(REASONS)))
        .check(("orders_reason_iff_cancelled", Expr::cust("(status = 'CANCELLED') = (reason IS NOT NULL)")))
        .check(("orders_version_from_one", Expr::col("version").gte(1)))
        .take()
}

/// An order is updated once or twice, none of it in an indexed column: with room on its page the update is HOT, and no
/// index is touched.
async fn leave_room_for_updates(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() != sea_orm::DbBackend::Postgres {
        return Ok(());
    }
    manager.get_connection().execute_unprepared("ALTER TABLE orders SET (fillfactor = 70)").await.map(drop)
}

/// Partial, so that the orders without a key, most of them, don't swell the index.
fn one_order_for_a_key() -> IndexCreateStatement {
    Index::create()
        .unique()
        .name("orders_idempotency_key")
        .table("orders")
        .col("user_id")
        .col("idempotency_key")
        .and_where(Expr::col("idempotency_key").is_not_null())
        .take()
}

/// Ids are UUIDv7, so their order is the order of time: this serves the pages of a user's orders, newest first.
fn orders_of_a_user() -> IndexCreateStatement {
    Index::create().name("orders_user_id_id").table("orders").col("user_id").col("id").take()
}
