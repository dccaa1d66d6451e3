//! The messaging tables, outbox, inbox and parked, as one migration that both histories use; no code that fills them.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the messaging tables.
pub(crate) struct CreateMessaging;

impl MigrationName for CreateMessaging {
    fn name(&self) -> &str {
        "m20261121_000001_create_messaging"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateMessaging {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(outbox()).await?;
        tune_outbox(manager).await?;
        manager.create_table(inbox()).await?;
        manager.create_table(parked()).await?;
        manager.create_index(parked_by_next_attempt()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["parked", "inbox", "outbox"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}

/// No index but the key: rows live for milliseconds, and a sweep reads a table that is nearly empty.
fn outbox() -> TableCreateStatement {
    Table::create()
        .table("outbox")
        .col(pk_uuid("id"))
        .col(text("routing_key"))
        .col(text("partition_key"))
        .col(text("body"))
        .col(big_integer("lease_until"))
        .col(big_integer("created_at"))
        .take()
}

/// Every row is soon deleted, so the table is nearly empty and yet full of dead rows. By default PostgreSQL vacuums after
/// a share of the *live* rows, which says nothing here; a fixed number of dead ones does. And it needn't hold back
/// (`cost_delay`) on a table that small, where each sweep walks past the dead rows until they are gone.
async fn tune_outbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() != sea_orm::DbBackend::Postgres {
        return Ok(());
    }
    let sql = "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, \
               autovacuum_vacuum_cost_delay = 0)";
    manager.get_connection().execute_unprepared(sql).await.map(drop)
}

fn inbox() -> TableCreateStatement {
    Table::create().table("inbox").col(pk_uuid("message_id")).col(big_integer("handled_at")).take()
}

fn parked() -> TableCreateStatement {
    Table::create()
        .table("parked")
        .col(pk_uuid("id"))
        .col(text("queue"))
        .col(text_null("message_id"))
        .col(blob("body"))
        .col(text("state"))
        .col(integer("attempts"))
        .col(big_integer_null("next_attempt_at"))
        .col(text("error"))
        .col(big_integer("first_failed_at"))
        .col(big_integer("updated_at"))
        .check(("parked_state_known", Expr::col("state").is_in(["retrying", "parked", "dead"])))
        .check(("parked_attempts_counted", Expr::col("attempts").gte(0)))
        .check(("parked_next_attempt_iff_retrying", Expr::cust("(state = 'retrying') = (next_attempt_at IS NOT NULL)")))
        .take()
}

fn parked_by_next_attempt() -> IndexCreateStatement {
    Index::create().name("parked_next_attempt_at").table("parked").col("next_attempt_at").take()
}
