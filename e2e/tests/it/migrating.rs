//! A schema that changes while the shop is at work. Absent: what changes (migration's own tests).

use crate::databases::execute;
use e2e::{Plan, Process, Result, Shop, Traffic, until};
use migration::orders::Migrator;
use sea_orm_migration::MigratorTrait;
use std::sync::Arc;

/// As a migration does: what running sessions have prepared does not fit any more.
async fn collate(shop: &Shop, collation: &str) -> Result<()> {
    let change = |column| format!("ALTER COLUMN {column} TYPE text COLLATE \"{collation}\"");
    let orders =
        format!("ALTER TABLE orders {}, {}, {}", change("user_id"), change("idempotency_key"), change("status"));
    execute(&shop.books.urls().orders, &[&orders]).await?;
    let accounts = format!("ALTER TABLE accounts {}", change("user_id"));
    let entries = format!("ALTER TABLE entries {}, {}", change("user_id"), change("kind"));
    execute(&shop.books.urls().payments, &[&accounts, &entries]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_outlive_a_migration_cost_no_order_and_set_no_message_aside() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = Traffic::start(&shop.client()?, 4, 8).await?;
        for collation in ["default", "C", "default", "C"] {
            traffic.goes_on(50).await?;
            collate(shop, collation).await?;
        }
        traffic.goes_on(50).await?;
        let receipts = traffic.stop().await?;
        for service in [&shop.orders, &shop.payments] {
            for process in service.iter() {
                assert!(!process.has_logged("it will be retried")?, "{} has set a message aside", process.name());
                assert!(!process.has_logged("\"status\":500")?, "{} has answered 500", process.name());
            }
        }
        Ok(receipts)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_has_to_migrate_waits_for_a_backup_and_nobody_waits_for_it() -> Result<()> {
    let mut shop =
        Plan { variables: vec![("FAILPOINTS", "schema::after-a-lock=return(500)".to_owned())], ..Plan::of(1, 1) }
            .prepare()
            .await?;
    let url = shop.books.urls().orders.clone();
    let older = sea_orm::Database::connect(&url).await?;
    Migrator::up(&older, u32::try_from(Migrator::migrations().len() - 1).ok()).await?;
    let backup = sea_orm::Database::connect(format!("{url}?application_name=a-backup")).await?;
    let held = sea_orm::TransactionTrait::begin(&backup).await?;
    sea_orm::ConnectionTrait::execute_unprepared(&held, "LOCK TABLE orders IN ACCESS SHARE MODE").await?;
    shop.orders[0].start().await?;
    shop.payments[0].start().await?;
    let waits = async |process: &Process| process.has_logged("a-backup");
    until("it says for whom it waits", || waits(&shop.orders[0])).await?;
    // A statement that would stand behind it ends with an error.
    execute(&url, &["SET lock_timeout = '5s'; SELECT * FROM orders"]).await?;
    let client = shop.client()?;
    let readiness = client.readiness().await?;
    assert!(readiness.iter().any(|answer| answer.status == 503 && answer.text.contains("locked")), "{readiness:?}");
    held.commit().await?;
    backup.close().await?;
    older.close().await?;
    until("it is ready", || async { client.ready().await }).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let ann = shop.client()?.user("ann").with_money("10").await?;
        assert_eq!(ann.outcome(&ann.order("3").await?).await?, "FINISHED");
        Ok(Arc::default())
    })
    .await
}
