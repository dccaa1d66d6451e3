//! Who asked to cancel an order, beside the time that `orders` always had, and the entry that gave the money back.

use sea_orm_migration::{prelude::*, schema::*};

/// A column can have one CHECK only. An order that is being cancelled never becomes FINISHED: an instance from before this migration,
/// still running during an upgrade, would do that when payments' first answer comes late, and is refused here.
const CAUSE_FITS: &str = "(cancel_cause IS NULL AND cancel_requested_at IS NULL)
  OR (cancel_cause IS NOT NULL AND cancel_requested_at IS NOT NULL AND cancel_cause IN ('cancelled_by_user', 'payment_deadline')
    AND status <> 'FINISHED')";
const REFUND_FITS: &str = "refund_transaction_id IS NULL OR status = 'CANCELLED'";

/// Adds `orders.cancel_cause` and `orders.refund_transaction_id`.
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
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["refund_transaction_id", "cancel_cause"] {
            manager.alter_table(Table::alter().table("orders").drop_column(column).take()).await?;
        }
        Ok(())
    }
}
