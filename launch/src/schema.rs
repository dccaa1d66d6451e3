//! Bringing the schema up to date as soon as the database answers, however long that takes.
//! Absent: the schema (migration).

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use supervision::{Pause, Repeater, RepeaterHandle, Step, Vitals};
use tokio_util::sync::CancellationToken;

/// Between two tries while the database does not answer.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// Once it is done there is nothing to do for ever; this long is for ever.
const DONE: Duration = Duration::from_secs(24 * 3600);

/// One try to bring a schema up to date.
pub type Migration = BoxFuture<'static, Result<(), DbErr>>;

type Migrate = dyn Fn() -> Migration;

/// The migrating actor and whether it is done. A cheap clone.
#[derive(Clone)]
pub struct Schema {
    ready: Arc<AtomicBool>,
    actor: RepeaterHandle,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("ready", &self.is_ready()).finish()
    }
}

impl Schema {
    /// Starts the actor on the current arbiter.
    pub fn start(vitals: &Vitals, migrate: impl Fn() -> Migration + 'static) -> Self {
        let (ready, migrate) = (Arc::new(AtomicBool::new(false)), Arc::new(migrate));
        let done = ready.clone();
        let actor =
            Repeater::start("schema", vitals, move || Migrating { ready: done.clone(), migrate: migrate.clone() });
        Self { ready, actor }
    }

    /// Whether the schema is up to date.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Tries no more.
    pub async fn stop(&self) {
        self.actor.stop().await;
    }
}

struct Migrating {
    ready: Arc<AtomicBool>,
    migrate: Arc<Migrate>,
}

#[async_trait(?Send)]
impl Step for Migrating {
    async fn step(&mut self, _: &CancellationToken) -> Pause {
        if self.ready.load(Ordering::Acquire) {
            return Pause::For(DONE);
        }
        match (self.migrate)().await {
            Ok(()) => {
                tracing::info!("the schema is up to date");
                self.ready.store(true, Ordering::Release);
                Pause::For(DONE)
            }
            Err(error) => {
                tracing::warn!(%error, "the schema cannot be brought up to date yet");
                Pause::For(TRY_EVERY)
            }
        }
    }
}
