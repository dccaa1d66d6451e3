//! A migrated database of its own for each test, gone when the test is, however it ends.

use futures_util::FutureExt;
use std::{error::Error, future::Future, panic::AssertUnwindSafe};
use store::{Options, Plans, Store};
use tempfile::TempDir;

pub type TestError = Box<dyn Error + Send + Sync>;
pub type TestResult<T = ()> = Result<T, TestError>;

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Sqlite,
    #[cfg(feature = "servers")]
    Postgres,
}

/// The address of a test's own database.
#[derive(Clone, Debug)]
pub struct Database {
    url: String,
    pub kind: Kind,
}

impl Database {
    /// As one more instance of the service would.
    pub async fn open(&self) -> TestResult<Store> {
        open(&self.url).await
    }
}

async fn open(url: &str) -> TestResult<Store> {
    Ok(Store::open(&Options {
        url: url.to_owned(),
        max_connections: 8,
        application: "messaging-test",
        plans: Plans::ByIndex,
    })
    .await?)
}

/// Runs a test on a fresh database. It stays on this thread, where its actors live; a panic doesn't leave the database behind.
pub async fn with_database<F, Run>(kind: Kind, test: F) -> TestResult
where
    F: FnOnce(Database) -> Run,
    Run: Future<Output = TestResult>,
{
    let place = Place::create(kind).await?;
    let database = Database { url: place.url(), kind };
    let store = database.open().await?;
    migration::payments::up(store.pool()).await?;
    let outcome = AssertUnwindSafe(test(database)).catch_unwind().await;
    store.close().await?;
    place.remove().await?;
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

enum Place {
    Folder(TempDir),
    #[cfg(feature = "servers")]
    Server {
        name: String,
    },
}

impl Place {
    async fn create(kind: Kind) -> TestResult<Self> {
        match kind {
            Kind::Sqlite => Ok(Self::Folder(tempfile::tempdir()?)),
            #[cfg(feature = "servers")]
            Kind::Postgres => {
                let name = format!("messaging_{}", uuid::Uuid::new_v4().simple());
                server::execute(&format!("CREATE DATABASE {name}")).await?;
                Ok(Self::Server { name })
            }
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Folder(folder) => format!("sqlite://{}", folder.path().join("test.db").display()),
            #[cfg(feature = "servers")]
            Self::Server { name } => server::url(name),
        }
    }

    async fn remove(self) -> TestResult {
        match self {
            Self::Folder(folder) => Ok(folder.close()?),
            #[cfg(feature = "servers")]
            Self::Server { name } => server::execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await,
        }
    }
}

#[cfg(feature = "servers")]
mod server {
    //! Databases on the PostgreSQL that the test run shares.

    use super::{TestResult, open};
    use sea_orm::ConnectionTrait;

    pub fn url(database: &str) -> String {
        let admin = testbed::postgres_url();
        let (server, _) = admin.rsplit_once('/').expect("the URL ends in /<database>");
        format!("{server}/{database}")
    }

    pub async fn execute(sql: &str) -> TestResult {
        let admin = open(&testbed::postgres_url()).await?;
        admin.connection().execute_unprepared(sql).await?;
        Ok(admin.close().await?)
    }
}
