//! Bringing the schema up to date as soon as the database answers, however long that takes, and looking what its data means: the door to
//! the database is open from then on.
//! Absent: the schema (migration) and what is looked at (meaning).

use crate::meaning::{self, Doubts, Unfit};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use messaging::Pair;
use migration::MigrateError;
use saga::Currency;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::Store;
use supervision::{Pause, Repeater, RepeaterHandle, Step, Vitals};
use tokio_util::sync::CancellationToken;

/// Between two tries while the database does not answer or cannot be used.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// Between two tries while somebody holds a lock that a migration needs: it does not stand in everybody's way again at once.
const AFTER_A_LOCK: Duration = Duration::from_secs(30);
/// What an operator has to mend is not tried again by itself.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Between two looks at one that is in use: behind the same address there may be another server now, or it may have other settings.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Why the door is shut until the first try has succeeded.
pub(crate) const NOT_YET: &str = "its schema is not up to date yet";

/// One try to bring a schema up to date.
pub type Migration = BoxFuture<'static, Result<(), MigrateError>>;

type Migrate = dyn Fn() -> Migration;

/// The migrating actor and what it has found. A cheap clone.
#[derive(Clone)]
pub struct Schema {
    store: Store,
    doubts: Arc<Mutex<Doubts>>,
    actor: RepeaterHandle,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Schema {
    /// Starts the actor on the current arbiter; `service` is whose the database has to be. `pair` learns what the database knows of it.
    pub fn start(
        vitals: &Vitals,
        store: &Store,
        pair: &Pair,
        (service, currency): (&'static str, Currency),
        migrate: impl Fn() -> Migration + 'static,
    ) -> Self {
        let (doubts, migrate) = (Arc::<Mutex<Doubts>>::default(), Arc::new(migrate));
        let (opened, pair, noted) = (store.clone(), pair.clone(), doubts.clone());
        let actor = Repeater::start("schema", vitals, move || Migrating {
            store: opened.clone(),
            pair: pair.clone(),
            service,
            currency,
            migrated: false,
            doubts: noted.clone(),
            migrate: migrate.clone(),
        });
        Self { store: store.clone(), doubts, actor }
    }

    /// Whether the database can be used, and what is wrong with it nevertheless.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn health(&self) -> Result<Vec<String>, String> {
        match self.store.door().reason() {
            Some(reason) => Err(reason),
            None => Ok(self.doubts.lock().unwrap_or_else(PoisonError::into_inner).degraded.clone()),
        }
    }

    /// Tries no more.
    pub async fn stop(&self) {
        self.actor.stop().await;
    }
}

struct Migrating {
    store: Store,
    pair: Pair,
    service: &'static str,
    currency: Currency,
    /// Once only: a newer version may have migrated since, which this one need not understand.
    migrated: bool,
    doubts: Arc<Mutex<Doubts>>,
    migrate: Arc<Migrate>,
}

#[async_trait(?Send)]
impl Step for Migrating {
    async fn step(&mut self, _: &CancellationToken) -> Pause {
        let door = self.store.door().clone();
        match self.look().await {
            Ok(doubts) => {
                if door.open() {
                    tracing::info!("the schema is up to date, and the data is what it should be");
                }
                self.note(doubts);
                Pause::For(LOOK_EVERY)
            }
            Err(Unfit::Refused(why)) => {
                if door.shut(&*why) {
                    tracing::warn!("the database cannot be used: {why}");
                }
                Pause::For(TRY_EVERY)
            }
            Err(Unfit::Locked(why)) => {
                door.shut(&*why);
                tracing::warn!("the schema cannot be brought up to date yet: {why}");
                Pause::For(failpoints::instead_of("schema::after-a-lock", AFTER_A_LOCK))
            }
            Err(Unfit::Broken(why)) => {
                door.shut(&*why);
                tracing::error!("the schema cannot be brought up to date, and it is not tried again: {why}");
                Pause::For(NEVER)
            }
            // One that was in use and is away is noticed by those who use it.
            Err(Unfit::Away(error)) if self.migrated && door.reason().is_none() => {
                tracing::debug!(%error, "the database cannot be looked at");
                Pause::For(LOOK_EVERY)
            }
            Err(Unfit::Away(error)) => {
                tracing::warn!(%error, "the schema cannot be brought up to date yet");
                door.shut(NOT_YET);
                Pause::For(TRY_EVERY)
            }
        }
    }
}

impl Migrating {
    async fn look(&mut self) -> Result<Doubts, Unfit> {
        if !self.migrated {
            (self.migrate)().await?;
            self.migrated = true;
        }
        let doubts = meaning::examine(&self.store, self.service, self.currency).await?;
        self.pair.read(&self.store).await?;
        Ok(doubts)
    }

    /// Keeps them, and says those that are news.
    fn note(&self, doubts: Doubts) {
        let mut known = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        for doubt in doubts.degraded.iter().filter(|doubt| !known.degraded.contains(doubt)) {
            tracing::warn!("the database is in use, but {doubt}");
        }
        for remark in doubts.remarks.iter().filter(|remark| !known.remarks.contains(remark)) {
            tracing::info!("about the database: {remark}");
        }
        *known = doubts;
    }
}
