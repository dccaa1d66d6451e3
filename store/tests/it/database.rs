//! A database of its own for each test, gone when the test is, however it ends.

use std::{error::Error, future::Future};
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
    pub url: String,
}

impl Database {
    pub async fn open(&self) -> TestResult<Store> {
        open(&self.url).await
    }
}

pub async fn open(url: &str) -> TestResult<Store> {
    Ok(Store::open(&Options {
        url: url.to_owned(),
        max_connections: 5,
        application: "store-test",
        plans: Plans::ByIndex,
    })
    .await?)
}

/// Runs a test on a fresh database. The test is a task of its own, so that even a panic doesn't leave the database behind.
pub async fn with_database<F, Run>(kind: Kind, test: F) -> TestResult
where
    F: FnOnce(Database) -> Run,
    Run: Future<Output = TestResult> + Send + 'static,
{
    let place = Place::create(kind).await?;
    let outcome = tokio::spawn(test(Database { url: place.url() })).await;
    place.remove().await?;
    outcome?
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
                let name = format!("store_{}", uuid::Uuid::new_v4().simple());
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
