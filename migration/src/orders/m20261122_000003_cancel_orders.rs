//! Who asked to cancel an order, beside the time that `orders` always had.

use sea_orm_migration::{prelude::*, schema::*};

/// A column can have one CHECK only.
const FITS: &str = "(cancel_cause IS NULL AND cancel_requested_at IS NULL)
  OR (cancel_cause IS NOT NULL AND cancel_requested_at IS NOT NULL AND cancel_cause IN ('cancelled_by_user', 'payment_deadline'))";

/// Adds `orders.cancel_cause`.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = text_null("cancel_cause").check(("orders_cancel_cause_fits", Expr::cust(FITS))).take();
        manager.alter_table(Table::alter().table("orders").add_column(column).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("orders").drop_column("cancel_cause").take()).await
    }
}
