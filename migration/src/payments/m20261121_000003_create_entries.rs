//! The table `entries`, the append-only ledger; it has no foreign key, an account's row would be locked by each entry.

use sea_orm_migration::{prelude::*, schema::*};

const KINDS: [&str; 3] = ["topup", "debit", "refund"];

/// Creates `entries` and its unique indexes.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(entries()).await?;
        manager.create_index(one_debit_and_one_refund_for_an_order()).await?;
        manager.create_index(one_entry_for_a_key()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("entries").take()).await
    }
}

fn entries() -> TableCreateStatement {
    Table::create()
        .table("entries")
        .col(text("user_id"))
        .col(big_integer("seq"))
        .col(uuid("id"))
        .col(text("kind"))
        .col(big_integer("amount_minor"))
        .col(big_integer("balance_after"))
        .col(uuid_null("order_id"))
        .col(text_null("idempotency_key"))
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("user_id").col("seq"))
        .check(("entries_seq_from_one", Expr::col("seq").gte(1)))
        .check(("entries_kind_known", Expr::col("kind").is_in(KINDS)))
        .check((
            "entries_sign_fits_kind",
            Expr::cust("(kind = 'debit' AND amount_minor < 0) OR (kind <> 'debit' AND amount_minor > 0)"),
        ))
        .check(("entries_balance_not_negative", Expr::col("balance_after").gte(0)))
        .check(("entries_order_unless_topup", Expr::cust("(kind = 'topup') = (order_id IS NULL)")))
        .take()
}

/// An order is debited once and refunded once, for ever and on whichever account.
fn one_debit_and_one_refund_for_an_order() -> IndexCreateStatement {
    Index::create()
        .unique()
        .name("entries_order_id_kind")
        .table("entries")
        .col("order_id")
        .col("kind")
        .and_where(Expr::col("order_id").is_not_null())
        .take()
}

fn one_entry_for_a_key() -> IndexCreateStatement {
    Index::create()
        .unique()
        .name("entries_idempotency_key")
        .table("entries")
        .col("user_id")
        .col("idempotency_key")
        .and_where(Expr::col("idempotency_key").is_not_null())
        .take()
}
