//! What a service does for its own good every few seconds: measures outbox and parking, forgets old inbox keys in small steps, frees the
//! room of published rows.
//! Absent: anything a message waits for.

use async_trait::async_trait;
use messaging::{Metrics, inbox, outbox, parking};
use sea_orm::DbErr;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use store::{Clock, Store};
use supervision::{Pause, Step};
use tokio_util::sync::CancellationToken;

/// How often. Metrics are read every 15 s or so; this keeps them fresh enough.
const EVERY: Duration = Duration::from_secs(5);
/// How often while the database takes no writes: so much later at most the service is ready again.
const EVERY_WHILE_AWAY: Duration = Duration::from_millis(500);
/// Cleaning steps in a row; at 2,000 keys each this keeps up with far more than a machine can handle in the meantime.
const CLEAN_STEPS: u32 = 50;

/// Published rows after which their room is freed: a look at the outbox walks past about as many as are published in [`EVERY`].
const VACUUM_AFTER: u64 = 5_000;
/// How much longer than a vacuum the rest after it is. One that frees nothing, because a backup still sees the rows, only gets longer.
const REST: u32 = 20;

/// When the room of published rows was freed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vacuumed {
    /// So many had been published then.
    published: u64,
    /// Not again before.
    rest_until: Option<Instant>,
}

/// Whether the database took the last write that was tried; taken for granted until one was. A cheap clone.
#[derive(Clone, Debug)]
pub struct TakesWrites(Arc<AtomicBool>);

impl Default for TakesWrites {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl TakesWrites {
    /// Whether it did.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Notes whether it did, and says so in the log when that is news.
    fn note(&self, kept: &Result<(), DbErr>) {
        let before = self.0.swap(kept.is_ok(), Ordering::AcqRel);
        match kept {
            Ok(()) if !before => tracing::info!("the database answers and takes writes again"),
            Err(error) if before => tracing::warn!(%error, "the database does not answer, or takes no writes"),
            Ok(()) | Err(_) => {}
        }
    }
}

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
    /// Who asks whether the service is ready learns it from here.
    pub takes_writes: TakesWrites,
    /// Its own note; begins with the default.
    pub vacuumed: Vacuumed,
}

#[async_trait(?Send)]
impl Step for Housekeeping {
    async fn step(&mut self, stop: &CancellationToken) -> Pause {
        self.metrics.broker_reachable.set(i64::from(*self.reachable.borrow()));
        // Whoever shut the door has said why.
        if self.store.door().reason().is_some() {
            self.metrics.database_reachable.set(0);
            return Pause::For(EVERY_WHILE_AWAY);
        }
        // By itself, and first: nothing that only takes long makes a service not ready, and one that is away is asked for no more.
        let written = inbox::try_write(&self.store, self.clock.now()).await;
        self.takes_writes.note(&written);
        if written.is_err() {
            self.metrics.database_reachable.set(0);
            return Pause::For(EVERY_WHILE_AWAY);
        }
        let kept = self.keep_house(stop).await;
        self.metrics.database_reachable.set(i64::from(kept.is_ok()));
        if let Err(error) = kept {
            tracing::warn!(%error, "the house could not be kept");
        }
        if let Err(error) = self.vacuum().await {
            tracing::warn!(%error, "the room of published rows could not be freed");
        }
        Pause::For(failpoints::instead_of("housekeeping::every", EVERY))
    }
}

impl Housekeeping {
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

    async fn vacuum(&mut self) -> Result<(), DbErr> {
        let (published, since) = (self.metrics.confirmed(), Instant::now());
        let resting = self.vacuumed.rest_until.is_some_and(|until| since < until);
        if resting || published < self.vacuumed.published + VACUUM_AFTER {
            return Ok(());
        }
        let vacuumed = outbox::vacuum(&self.store).await;
        self.vacuumed = Vacuumed { published, rest_until: Some(Instant::now() + since.elapsed() * REST) };
        vacuumed
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
            migration::orders::up(store.pool()).await?;
            let metrics = Metrics::new(&mut Registry::default());
            let (broker, reachable) = watch::channel(true);
            let inbox_retention = Duration::from_secs(1);
            let (clock, database, seen) = (Clock::system(), store.clone(), metrics.clone());
            let (takes_writes, vacuumed) = (TakesWrites::default(), Vacuumed::default());
            let ready = takes_writes.clone();
            let mut housekeeping =
                Housekeeping { store, clock, metrics, inbox_retention, reachable, takes_writes, vacuumed };
            let mut step = async || {
                housekeeping.step(&CancellationToken::new()).await;
                (seen.broker_reachable.get(), seen.database_reachable.get(), ready.get())
            };
            assert_eq!(step().await, (1, 1, true));
            broker.send(false)?;
            // What cannot be read is an operator's matter; orders are placed all the same.
            for (table, ready) in [("outbox", true), ("inbox", false)] {
                database.connection().execute_unprepared(&format!("ALTER TABLE {table} RENAME TO no_{table}")).await?;
                assert_eq!(step().await, (0, 0, ready), "without {table}");
                database.connection().execute_unprepared(&format!("ALTER TABLE no_{table} RENAME TO {table}")).await?;
            }
            // Room for nothing more, which a statement that deletes nothing would not notice.
            const FULL: &str =
                "CREATE TRIGGER full BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
            database.connection().execute_unprepared(FULL).await?;
            assert_eq!(step().await, (0, 0, false), "nothing can be written");
            database.connection().execute_unprepared("DROP TRIGGER full").await?;
            broker.send(true)?;
            assert_eq!(step().await, (1, 1, true), "they are back");
            Ok(database.close().await?)
        })
        .await
    }

    #[cfg(feature = "servers")]
    #[tokio::test]
    async fn on_postgres_the_room_of_published_rows_is_freed() -> TestResult {
        use store::{Rows, Sql};
        static VACUUMS: Sql = Sql::new("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'outbox'");
        with_database(Kind::Postgres, async |url| {
            let store = open(&url).await?;
            migration::orders::up(store.pool()).await?;
            let metrics = Metrics::new(&mut Registry::default());
            let mut housekeeping = Housekeeping {
                store: store.clone(),
                clock: Clock::system(),
                metrics: metrics.clone(),
                inbox_retention: Duration::from_secs(1),
                reachable: watch::channel(true).1,
                takes_writes: TakesWrites::default(),
                vacuumed: Vacuumed::default(),
            };
            let mut vacuums = async |published, rest: Duration| {
                metrics.published(published, 0);
                housekeeping.vacuumed.rest_until = Some(Instant::now() + rest);
                housekeeping.step(&CancellationToken::new()).await;
                // PostgreSQL 15 and later count a vacuum the moment that it ends.
                let rows = VACUUMS.query(store.connection(), Rows::new(), Vec::new()).await?;
                TestResult::Ok(rows.first().map(|row| row.try_get::<i64>("", "vacuum_count")).transpose()?)
            };
            let (enough, hour) = (usize::try_from(VACUUM_AFTER)?, Duration::from_secs(3_600));
            assert_eq!(vacuums(enough - 1, Duration::ZERO).await?, Some(0), "not for so few");
            assert_eq!(vacuums(1, Duration::ZERO).await?, Some(1));
            assert_eq!(vacuums(enough - 1, Duration::ZERO).await?, Some(1), "they are counted anew");
            assert_eq!(vacuums(1, hour).await?, Some(1), "it rests");
            assert_eq!(vacuums(0, Duration::ZERO).await?, Some(2), "what came while it rested still counts");
            Ok(store.close().await?)
        })
        .await
    }
}
