//! Who asked to cancel an order, beside the time that `orders` always had, and the entry that gave the money back.

use sea_orm_migration::{prelude::*, schema::*};

/// A column can have one CHECK only. An order that is being cancelled never becomes FINISHED: an instance from before this migration,
/// still running during an upgrade, would do that when payments' first answer comes late, and is refused here.
const CAUSE_FITS: &str = "(cancel_cause IS NULL AND cancel_requested_at IS NULL)
  OR (cancel_cause IS NOT NULL AND cancel_requested_at IS NOT NULL AND cancel_cause IN ('cancelled_by_user', 'payment_deadline')
    AND status <> 'FINISHED')";
const REFUND_FITS: &str = "refund_transaction_id IS NULL OR status = 'CANCELLED'";

/// Adds `orders.cancel_cause`, `orders.refund_transaction_id` and an index of the cancels.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let cause = text_null("cancel_cause").check(("orders_cancel_cause_fits", Expr::cust(CAUSE_FITS))).take();
        let refund = uuid_null("refund_transaction_id").check(("orders_refund_fits", Expr::cust(REFUND_FITS))).take();
        for column in [cause, refund] {
            manager.alter_table(Table::alter().table("orders").add_column(column).take()).await?;
        }
        manager.create_index(cancels()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("orders_cancel_requested_at").table("orders").to_owned()).await?;
        for column in ["refund_transaction_id", "cancel_cause"] {
            manager.alter_table(Table::alter().table("orders").drop_column(column).take()).await?;
        }
        Ok(())
    }
}

/// For those that are not decided for long. Without the status, though only orders that are NEW are looked for: a settlement would no
/// longer be HOT. So it holds the cancels, few among the orders, for ever.
fn cancels() -> IndexCreateStatement {
    Index::create()
        .name("orders_cancel_requested_at")
        .table("orders")
        .col("cancel_requested_at")
        .and_where(Expr::col("cancel_requested_at").is_not_null())
        .take()
}
