//! What a service does for its own good every few seconds: measures outbox and parking, forgets old inbox keys in small steps.
//! Absent: anything a message waits for.

use async_trait::async_trait;
use messaging::{Metrics, inbox, outbox, parking};
use sea_orm::DbErr;
use std::time::Duration;
use store::{Clock, Store};
use supervision::{Pause, Step};
use tokio_util::sync::CancellationToken;

/// How often. Metrics are read every 15 s or so; this keeps them fresh enough.
const EVERY: Duration = Duration::from_secs(5);
/// Cleaning steps in a row; at 2,000 keys each this keeps up with far more than a machine can handle in the meantime.
const CLEAN_STEPS: u32 = 50;

/// One service's housekeeping.
#[derive(Clone, Debug)]
pub struct Housekeeping {
    /// Its database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Where measurements go.
    pub metrics: Metrics,
    /// How long the inbox remembers.
    pub inbox_retention: Duration,
    /// Whether the broker can be reached.
    pub reachable: tokio::sync::watch::Receiver<bool>,
}

#[async_trait(?Send)]
impl Step for Housekeeping {
    async fn step(&mut self, stop: &CancellationToken) -> Pause {
        self.metrics.broker_reachable.set(i64::from(*self.reachable.borrow()));
        let kept = self.keep_house(stop).await;
        self.metrics.database_reachable.set(i64::from(kept.is_ok()));
        if let Err(error) = kept {
            tracing::warn!(%error, "the database does not answer, or takes no writes");
        }
        Pause::For(EVERY)
    }
}

impl Housekeeping {
    /// Reads and writes: a database that only answers is of no use.
    async fn keep_house(&self, stop: &CancellationToken) -> Result<(), DbErr> {
        self.measure().await?;
        self.clean(stop).await
    }

    async fn measure(&self) -> Result<(), DbErr> {
        let (depth, oldest) = outbox::depth(&self.store).await?;
        let age = oldest.map_or(Duration::ZERO, |oldest| self.clock.now().since(oldest));
        self.metrics.outbox_depth.set(depth);
        self.metrics.outbox_age.set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        let counts = parking::count(&self.store).await?;
        for state in [parking::State::Retrying, parking::State::Parked, parking::State::Dead] {
            let messages = counts.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, messages)| *messages);
            self.metrics.parked(state, messages);
        }
        Ok(())
    }

    async fn clean(&self, stop: &CancellationToken) -> Result<(), DbErr> {
        for _ in 0..CLEAN_STEPS {
            let deleted = inbox::clean_step(&self.store, self.clock.now(), self.inbox_retention).await?;
            if stop.is_cancelled() || deleted < u64::from(inbox::CLEAN_STEP) {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::database::{Kind, TestResult, open, with_database};
    use prometheus_client::registry::Registry;
    use sea_orm::ConnectionTrait;
    use tokio::sync::watch;

    #[tokio::test]
    async fn the_metrics_say_whether_broker_and_database_can_be_reached() -> TestResult {
        with_database(Kind::Sqlite, async |url| {
            let store = open(&url).await?;
            migration::orders::up(store.connection()).await?;
            let metrics = Metrics::new(&mut Registry::default());
            let (broker, reachable) = watch::channel(true);
            let inbox_retention = Duration::from_secs(1);
            let (clock, database, seen) = (Clock::system(), store.clone(), metrics.clone());
            let mut housekeeping = Housekeeping { store, clock, metrics, inbox_retention, reachable };
            let mut step = async || {
                housekeeping.step(&CancellationToken::new()).await;
                (seen.broker_reachable.get(), seen.database_reachable.get())
            };
            assert_eq!(step().await, (1, 1));
            broker.send(false)?;
            for (table, what) in [("outbox", "read"), ("inbox", "deleted")] {
                database.connection().execute_unprepared(&format!("ALTER TABLE {table} RENAME TO no_{table}")).await?;
                assert_eq!(step().await, (0, 0), "nothing can be {what}");
                database.connection().execute_unprepared(&format!("ALTER TABLE no_{table} RENAME TO {table}")).await?;
            }
            broker.send(true)?;
            assert_eq!(step().await, (1, 1), "they are back");
            Ok(database.close().await?)
        })
        .await
    }
}
