//! The table `payments`, one answer an order for ever; a refund does not change it, that is an entry.

use sea_orm_migration::{prelude::*, schema::*};

const VERDICTS: [&str; 2] = ["succeeded", "declined"];
const REASONS: [&str; 2] = ["insufficient_funds", "account_not_found"];

/// Creates `payments`.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(payments()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("payments").take()).await
    }
}

fn payments() -> TableCreateStatement {
    Table::create()
        .table("payments")
        .col(pk_uuid("order_id"))
        .col(text("user_id"))
        .col(big_integer("amount_minor"))
        .col(text("currency"))
        .col(text("verdict"))
        .col(text_null("reason"))
        .col(uuid_null("transaction_id"))
        .col(big_integer("decided_at"))
        .check(("payments_verdict_known", Expr::col("verdict").is_in(VERDICTS)))
        .check(("payments_reason_known", Expr::col("reason").is_in(REASONS)))
        .check(("payments_reason_iff_declined", Expr::cust("(verdict = 'declined') = (reason IS NOT NULL)")))
        .check((
            "payments_transaction_iff_succeeded",
            Expr::cust("(verdict = 'succeeded') = (transaction_id IS NOT NULL)"),
        ))
        .take()
}
