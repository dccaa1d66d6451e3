//! A database of its own for each test, gone when the test is, however it ends; no schema, that is what is tested.

use std::{error::Error, future::Future};

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use tempfile::TempDir;

pub type TestError = Box<dyn Error + Send + Sync>;
pub type TestResult<T = ()> = Result<T, TestError>;

/// Where a test's database lives.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Sqlite,
    #[cfg(feature = "servers")]
    Postgres,
}

/// The address of a test's own, empty database.
#[derive(Clone)]
pub struct TestDatabase {
    url: String,
}

impl TestDatabase {
    /// A pool of one connection, so that each call is another client to the database.
    pub async fn connect(&self) -> Result<DatabaseConnection, DbErr> {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await
    }
}

/// Runs a test on a fresh database. The test is a task of its own, so that even a panic doesn't leave the database behind.
pub async fn with_database<F, Run>(backend: Backend, test: F) -> TestResult
where
    F: FnOnce(TestDatabase) -> Run,
    Run: Future<Output = TestResult> + Send + 'static,
{
    let place = Place::create(backend).await?;
    let outcome = tokio::spawn(test(TestDatabase { url: place.url() })).await;
    place.remove().await?;
    outcome?
}

enum Place {
    Folder(TempDir),
    #[cfg(feature = "servers")]
    Server(server::Place),
}

impl Place {
    async fn create(backend: Backend) -> TestResult<Self> {
        match backend {
            Backend::Sqlite => Ok(Self::Folder(tempfile::tempdir()?)),
            #[cfg(feature = "servers")]
            Backend::Postgres => Ok(Self::Server(server::Place::create().await?)),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Folder(folder) => format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display()),
            #[cfg(feature = "servers")]
            Self::Server(place) => place.url.clone(),
        }
    }

    async fn remove(self) -> TestResult {
        match self {
            Self::Folder(folder) => Ok(folder.close()?),
            #[cfg(feature = "servers")]
            Self::Server(place) => Ok(place.remove().await?),
        }
    }
}

#[cfg(feature = "servers")]
mod server {
    //! A database on the PostgreSQL server that the environment names; the server itself is started by others.

    use sea_orm::{ConnectionTrait, Database, DbErr};
    use uuid::Uuid;

    use super::TestResult;

    pub struct Place {
        admin_url: String,
        name: String,
        pub url: String,
    }

    impl Place {
        #[expect(clippy::disallowed_methods, reason = "a test crate has no config.rs, and this is its one setting")]
        pub async fn create() -> TestResult<Self> {
            let admin_url =
                std::env::var("TEST_POSTGRES_URL").map_err(|_| "set TEST_POSTGRES_URL to a server's URL")?;
            let name = format!("migration_{}", Uuid::new_v4().simple());
            let (server, _) = admin_url.rsplit_once('/').ok_or("TEST_POSTGRES_URL has to end in /<database>")?;
            let url = format!("{server}/{name}");
            execute(&admin_url, &format!("CREATE DATABASE {name}")).await?;
            Ok(Self { admin_url, name, url })
        }

        pub async fn remove(self) -> Result<(), DbErr> {
            execute(&self.admin_url, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await
        }
    }

    async fn execute(admin_url: &str, sql: &str) -> Result<(), DbErr> {
        let admin = Database::connect(admin_url).await?;
        admin.execute_unprepared(sql).await?;
        admin.close().await
    }
}
