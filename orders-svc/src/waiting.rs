//! How long the oldest NEW order has been waiting: what wakes an operator when an order is stuck, wherever that is.
//! Absent: any repair.

use crate::{
    frontier::{FirstOpen, Frontier, look},
    metrics::OrderMetrics,
    reading::first_id_at,
};
use async_trait::async_trait;
use sea_orm::DbErr;
use std::time::Duration;
use store::{Clock, Micros, Sql, Store};
use supervision::{Pause, Step};
use tokio_util::sync::CancellationToken;

/// How often. Metrics are read every 15 s or so; this keeps them fresh enough.
const EVERY: Duration = Duration::from_secs(5);
/// Younger orders are left out: one with an older id may not be committed yet. No transaction lasts that long.
const YOUNG: Duration = Duration::from_secs(60);

static OPEN: Sql = look!("status = 'NEW'");

/// The look-out for orders that wait.
#[derive(Clone, Debug)]
pub struct Waiting {
    store: Store,
    clock: Clock,
    metrics: OrderMetrics,
    frontier: Frontier,
}

impl Waiting {
    /// Begins with the very first order.
    pub fn new(store: Store, clock: Clock, metrics: OrderMetrics) -> Self {
        Self { store, clock, metrics, frontier: Frontier::new(&OPEN) }
    }

    /// When the oldest order was placed that is still NEW.
    ///
    /// # Errors
    /// The driver's.
    async fn oldest(&mut self) -> Result<Option<Micros>, DbErr> {
        let end = first_id_at(self.clock.now().minus(YOUNG));
        match self.frontier.first_open(&self.store, end).await? {
            FirstOpen::Order(row) => row.try_get("", "created_at").map(|time| Some(Micros(time))),
            FirstOpen::None | FirstOpen::NotYet => Ok(None),
        }
    }
}

#[async_trait(?Send)]
impl Step for Waiting {
    async fn step(&mut self, _: &CancellationToken) -> Pause {
        match self.oldest().await {
            Ok(oldest) => {
                let age = oldest.map_or(Duration::ZERO, |placed| self.clock.now().since(placed));
                self.metrics.oldest_new(age);
            }
            Err(error) => tracing::debug!(%error, "the oldest NEW order cannot be looked for"),
        }
        Pause::For(EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontier::PART;
    use fixtures::database::{Kind, TestResult, open, with_database};
    use prometheus_client::registry::Registry;
    use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait};

    const NOW: Micros = Micros(1_800_000_000_000_000);

    fn before(seconds: u64) -> Micros {
        NOW.minus(Duration::from_secs(seconds))
    }

    /// Writes NEW orders, each placed so many seconds ago.
    async fn place(store: &Store, ages: impl IntoIterator<Item = u64>) -> TestResult {
        use entities::orders::order::{ActiveModel, Entity, Model};
        let row = |age| Model {
            id: first_id_at(before(age)),
            user_id: "u".to_owned(),
            amount_minor: 1,
            currency: "RUB".to_owned(),
            description: None,
            status: "NEW".to_owned(),
            reason: None,
            version: 1,
            created_at: before(age).0,
            updated_at: before(age).0,
            pay_before: NOW.0,
            cancel_requested_at: None,
            refund_transaction_id: None,
            cancel_cause: None,
            idempotency_key: None,
        };
        let rows = ages.into_iter().map(|age| ActiveModel::from(row(age)).reset_all());
        Entity::insert_many(rows).exec_without_returning(store.connection()).await?;
        Ok(())
    }

    async fn finish(store: &Store, which: &str) -> TestResult {
        let sql = format!("UPDATE orders SET status = 'FINISHED', version = 2 WHERE {which}");
        store.connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    async fn the_oldest_order_is_found_again_and_again(url: String) -> TestResult {
        let store = open(&url).await?;
        migration::orders::up(store.pool()).await?;
        let clock = Clock::from_fn(|| NOW);
        let mut waiting = Waiting::new(store.clone(), clock, OrderMetrics::new(&mut Registry::default()));
        assert_eq!(waiting.oldest().await?, None, "there are no orders");
        place(&store, [9_000, 800, 500, 30]).await?;
        finish(&store, &format!("created_at = {}", before(9_000).0)).await?;
        for _ in 0..2 {
            assert_eq!(waiting.oldest().await?, Some(before(800)));
        }
        finish(&store, &format!("created_at = {}", before(800).0)).await?;
        assert_eq!(waiting.oldest().await?, Some(before(500)));
        finish(&store, "1 = 1").await?;
        place(&store, [61, 29]).await?;
        assert_eq!(waiting.oldest().await?, Some(before(61)), "the frontier is not further than the last order");
        finish(&store, &format!("created_at = {}", before(61).0)).await?;
        assert_eq!(waiting.oldest().await?, None, "the other one is too young");
        Ok(store.close().await?)
    }

    async fn it_is_found_behind_more_orders_than_one_statement_reads(url: String) -> TestResult {
        let store = open(&url).await?;
        migration::orders::up(store.pool()).await?;
        let part = u64::try_from(PART)?;
        for thousand in 0..=part / 1_000 {
            place(&store, (thousand * 1_000..(thousand + 1) * 1_000).map(|age| 100 + age)).await?;
        }
        finish(&store, &format!("created_at < {}", before(100).0)).await?;
        let clock = Clock::from_fn(|| NOW);
        let mut waiting = Waiting::new(store.clone(), clock, OrderMetrics::new(&mut Registry::default()));
        assert_eq!(waiting.oldest().await?, Some(before(100)));
        Ok(store.close().await?)
    }

    #[tokio::test]
    async fn on_sqlite() -> TestResult {
        with_database(Kind::Sqlite, the_oldest_order_is_found_again_and_again).await?;
        with_database(Kind::Sqlite, it_is_found_behind_more_orders_than_one_statement_reads).await
    }

    #[cfg(feature = "servers")]
    #[tokio::test]
    async fn on_postgres() -> TestResult {
        with_database(Kind::Postgres, the_oldest_order_is_found_again_and_again).await?;
        with_database(Kind::Postgres, it_is_found_behind_more_orders_than_one_statement_reads).await
    }
}
