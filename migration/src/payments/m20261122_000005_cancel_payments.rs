//! Cancelled payments: the verdict `cancelled` and `refund_id`. And a balance may be as large as refunds make it.
//!
//! SQLite cannot change a CHECK: there both tables are made anew.

use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

/// Lets payments be cancelled.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const FITS: &str = "
    CONSTRAINT payments_reason_fits CHECK (
         (verdict = 'succeeded' AND reason IS NULL)
      OR (verdict = 'declined' AND reason IS NOT NULL AND reason IN ('insufficient_funds', 'account_not_found'))
      OR (verdict = 'cancelled' AND reason IS NOT NULL AND reason IN ('cancelled_by_user', 'payment_deadline'))),
    CONSTRAINT payments_entries_fit CHECK (
          (verdict <> 'succeeded' OR (transaction_id IS NOT NULL AND refund_id IS NULL))
      AND (verdict <> 'declined' OR (transaction_id IS NULL AND refund_id IS NULL))
      AND (verdict <> 'cancelled' OR (transaction_id IS NULL) = (refund_id IS NULL)))";

const DID_FIT: &str = "
    CONSTRAINT payments_verdict_known CHECK (verdict IN ('succeeded', 'declined')),
    CONSTRAINT payments_reason_known CHECK (reason IN ('insufficient_funds', 'account_not_found')),
    CONSTRAINT payments_reason_iff_declined CHECK ((verdict = 'declined') = (reason IS NOT NULL)),
    CONSTRAINT payments_transaction_iff_succeeded CHECK ((verdict = 'succeeded') = (transaction_id IS NOT NULL))";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = match manager.get_database_backend() {
            DbBackend::Sqlite => [
                payments("refund_id uuid_text,", FITS, "order_id, user_id, amount_minor, currency, verdict, reason, transaction_id, NULL, decided_at"),
                accounts("balance_minor >= 0"),
            ],
            _ => [
                // In the ledger's order, so that the two wait for each other instead of locking each other out.
                "ALTER TABLE accounts DROP CONSTRAINT accounts_balance_in_range,
                   ADD CONSTRAINT accounts_balance_in_range CHECK (balance_minor >= 0)"
                    .to_owned(),
                format!(
                    "ALTER TABLE payments ADD COLUMN refund_id uuid,
                       DROP CONSTRAINT payments_verdict_known, DROP CONSTRAINT payments_reason_known,
                       DROP CONSTRAINT payments_reason_iff_declined, DROP CONSTRAINT payments_transaction_iff_succeeded, {}",
                    added(FITS)
                ),
            ],
        };
        run(manager, statements).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        const RANGE: &str = "balance_minor >= 0 AND balance_minor <= 100000000000000";
        let statements = match manager.get_database_backend() {
            DbBackend::Sqlite => [
                payments(
                    "",
                    DID_FIT,
                    "order_id, user_id, amount_minor, currency, verdict, reason, transaction_id, decided_at",
                ),
                accounts(RANGE),
            ],
            _ => [
                format!(
                    "ALTER TABLE accounts DROP CONSTRAINT accounts_balance_in_range,
                       ADD CONSTRAINT accounts_balance_in_range CHECK ({RANGE})"
                ),
                format!(
                    "ALTER TABLE payments DROP CONSTRAINT payments_reason_fits, DROP CONSTRAINT payments_entries_fit,
                       DROP COLUMN refund_id, {}",
                    added(DID_FIT)
                ),
            ],
        };
        run(manager, statements).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: [String; 2]) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}

fn added(constraints: &str) -> String {
    constraints.replace("CONSTRAINT", "ADD CONSTRAINT")
}

/// SQLite: `payments` anew. The column types are those of the table as it was created.
fn payments(refund: &str, constraints: &str, columns: &str) -> String {
    format!(
        "CREATE TABLE payments_new (
           order_id uuid_text NOT NULL PRIMARY KEY, user_id text NOT NULL, amount_minor bigint NOT NULL, currency text NOT NULL,
           verdict text NOT NULL, reason text, transaction_id uuid_text, {refund} decided_at bigint NOT NULL, {constraints});
         INSERT INTO payments_new SELECT {columns} FROM payments;
         DROP TABLE payments;
         ALTER TABLE payments_new RENAME TO payments"
    )
}

/// SQLite: `accounts` anew.
fn accounts(range: &str) -> String {
    format!(
        "CREATE TABLE accounts_new (
           user_id text NOT NULL PRIMARY KEY, balance_minor bigint NOT NULL, seq bigint NOT NULL, currency text NOT NULL,
           created_at bigint NOT NULL, CONSTRAINT accounts_balance_in_range CHECK ({range}),
           CONSTRAINT accounts_seq_from_zero CHECK (seq >= 0));
         INSERT INTO accounts_new SELECT user_id, balance_minor, seq, currency, created_at FROM accounts;
         DROP TABLE accounts;
         ALTER TABLE accounts_new RENAME TO accounts"
    )
}
