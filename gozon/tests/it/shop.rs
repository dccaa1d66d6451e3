//! Two databases of its own for each test, migrated, gone when the test is, however it ends. Absent: rows.

use gozon::{
    audit::{self, Expectations, Report},
    databases::{Databases, Urls},
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use std::{error::Error, future::Future};
use tempfile::TempDir;
use uuid::Uuid;

pub type TestError = Box<dyn Error + Send + Sync>;
pub type TestResult<T = ()> = Result<T, TestError>;

/// Where a database lives.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Sqlite,
    #[cfg(feature = "servers")]
    Postgres,
}

/// Orders' and payments' database.
#[derive(Clone, Debug)]
pub struct Shop {
    pub databases: Databases,
    /// One connection to each, on which constraints can be switched off.
    pub orders: DatabaseConnection,
    pub payments: DatabaseConnection,
}

/// Runs a test on a shop of its own. The test is a task of its own, so that even a panic leaves nothing behind.
pub async fn with_shop<F, Run>(backends: [Backend; 2], test: F) -> TestResult
where
    F: FnOnce(Shop) -> Run,
    Run: Future<Output = TestResult> + Send + 'static,
{
    let [orders, payments] = backends;
    let (orders, payments) = (Place::create(orders).await?, Place::create(payments).await?);
    let shop = Shop::open(Urls { orders: orders.url(), payments: payments.url() }).await?;
    let outcome = tokio::spawn(test(shop.clone())).await;
    shop.databases.close().await;
    shop.orders.close().await?;
    shop.payments.close().await?;
    orders.remove().await?;
    payments.remove().await?;
    outcome?
}

impl Shop {
    pub async fn open(urls: Urls) -> TestResult<Self> {
        let (orders, payments) = (connect(&urls.orders).await?, connect(&urls.payments).await?);
        migration::orders::up(&orders).await?;
        migration::payments::up(&payments).await?;
        Ok(Self { databases: Databases::open(&urls).await?, orders, payments })
    }

    /// Empty tables and all constraints again; faster than new databases.
    pub async fn start_over(&self) -> TestResult {
        // On PostgreSQL the way back would look for the CHECKs that were taken away.
        const NOTHING: &str = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
        match self.orders.get_database_backend() {
            DbBackend::Sqlite => migration::orders::down(&self.orders).await?,
            _ => {
                self.orders.execute_unprepared(NOTHING).await?;
            }
        }
        match self.payments.get_database_backend() {
            DbBackend::Sqlite => migration::payments::down(&self.payments).await?,
            _ => {
                self.payments.execute_unprepared(NOTHING).await?;
            }
        }
        migration::orders::up(&self.orders).await?;
        Ok(migration::payments::up(&self.payments).await?)
    }

    pub async fn audit(&self, settled: bool) -> TestResult<Report> {
        let Databases { orders, payments } = &self.databases;
        Ok(audit::audit(orders, payments, Expectations { settled }).await?)
    }

    /// Runs statements on one of the databases; `[F1]` in them is the id that the book calls so.
    pub async fn run(on: &DatabaseConnection, statements: &str) -> TestResult {
        let statements = with_ids(statements, on.get_database_backend());
        on.execute_unprepared(&statements).await.map_err(|error| format!("{statements}: {error}"))?;
        Ok(())
    }

    /// Takes the CHECKs away, so that rows can be planted which the databases refuse.
    pub async fn lower_the_guard(&self) -> TestResult {
        for database in [&self.orders, &self.payments] {
            let sql = match database.get_database_backend() {
                DbBackend::Sqlite => "PRAGMA ignore_check_constraints = ON",
                _ => {
                    "DO $$ DECLARE found record; BEGIN
                       FOR found IN SELECT conrelid::regclass AS of_table, conname FROM pg_constraint
                           WHERE contype = 'c' AND connamespace = 'public'::regnamespace LOOP
                         EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.of_table, found.conname);
                       END LOOP; END $$"
                }
            };
            database.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

async fn connect(url: &str) -> TestResult<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Ok(Database::connect(options).await?)
}

/// The id that the tests call by this short name.
pub fn id(name: &str) -> Uuid {
    let mut bytes = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000).into_bytes();
    bytes[16 - name.len()..].copy_from_slice(name.as_bytes());
    Uuid::from_bytes(bytes)
}

fn with_ids(statements: &str, backend: DbBackend) -> String {
    let mut parts = statements.split('[');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(']').expect("a name in brackets");
        text.push_str(&match backend {
            DbBackend::Sqlite => format!("x'{}'", id(name).simple()),
            _ => format!("'{}'", id(name)),
        });
        text.push_str(rest);
    }
    text
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
    //! A database on the PostgreSQL server of the test run.

    use super::TestResult;
    use sea_orm::{ConnectionTrait, Database, DbErr};
    use uuid::Uuid;

    pub struct Place {
        name: String,
        pub url: String,
    }

    impl Place {
        pub async fn create() -> TestResult<Self> {
            let name = format!("gozon_{}", Uuid::new_v4().simple());
            let admin = testbed::postgres_url();
            let (server, _) = admin.rsplit_once('/').ok_or("TEST_POSTGRES_URL has to end in /<database>")?;
            let url = format!("{server}/{name}");
            execute(&format!("CREATE DATABASE {name}")).await?;
            Ok(Self { name, url })
        }

        pub async fn remove(self) -> Result<(), DbErr> {
            execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await
        }
    }

    async fn execute(sql: &str) -> Result<(), DbErr> {
        let admin = Database::connect(testbed::postgres_url()).await?;
        admin.execute_unprepared(sql).await?;
        admin.close().await
    }
}
