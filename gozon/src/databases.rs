//! The two databases that the commands look at: opening them, and errors that say which one it was.
//! Absent: creating or migrating them; a path with a typing error must not become an empty shop.

use crate::lock::refuse_foreign_log;
use sea_orm::{ConnectionTrait, DbErr, sqlx::sqlite::SqliteConnectOptions};
use std::{fmt, path::PathBuf, str::FromStr};
use store::{Fault, OpenError, Options, Plans, Rows, Sql, Store};

/// The reads of a command follow one another; one connection is for a snapshot that stays open meanwhile.
const CONNECTIONS: u32 = 2;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Database {
    /// That of orders-svc.
    Orders,
    /// That of payments-svc.
    Payments,
}

impl Database {
    /// Its name, as in options and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Payments => "payments",
        }
    }

    /// Whose it is.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Orders => migration::orders::SERVICE,
            Self::Payments => migration::payments::SERVICE,
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A database that gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the {database} database {}: {}", verb(.error), words(.error))]
pub struct DatabaseError {
    /// Which.
    pub database: Database,
    /// The driver's words.
    pub error: DbErr,
}

fn verb(error: &DbErr) -> &'static str {
    match error {
        error if Fault::of(error) == Fault::Damaged => "is damaged",
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => "cannot be reached",
        DbErr::Custom(_) => "is not as it should be",
        error if Fault::of(error) == Fault::Unavailable => "cannot be read",
        _ => "did not understand",
    }
}

/// The driver's, or our own as they are.
fn words(error: &DbErr) -> String {
    match error {
        DbErr::Custom(words) => words.clone(),
        error => error.to_string(),
    }
}

/// Why a database was not even opened.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// The option is wrong.
    #[error("--{database}-url: {why}")]
    Url {
        /// Which.
        database: Database,
        /// What is wrong with it.
        why: OpenError,
    },
    /// The URL is fine and names a file that is damaged.
    #[error(transparent)]
    Damaged(#[from] DatabaseError),
    /// The URL is fine and names a file beside which another one's log lies.
    #[error("the {database} database cannot be opened: {why}")]
    ForeignLog {
        /// Which.
        database: Database,
        /// What to do.
        why: String,
    },
    /// The URL is fine and names a file that is not there.
    #[error("the {database} database cannot be reached: there is no file {}", .path.display())]
    NoFile {
        /// Which.
        database: Database,
        /// Where it should be.
        path: PathBuf,
    },
}

/// Where the two are.
#[derive(Clone, PartialEq, Eq)]
pub struct Urls {
    /// Of orders.
    pub orders: String,
    /// Of payments.
    pub payments: String,
}

impl fmt::Debug for Urls {
    /// Without the URLs, which hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Urls").finish_non_exhaustive()
    }
}

/// Both databases.
#[derive(Clone, Debug)]
pub struct Databases {
    /// That of orders-svc.
    pub orders: Store,
    /// That of payments-svc.
    pub payments: Store,
}

impl Databases {
    /// Opens both; a server is not asked yet.
    ///
    /// # Errors
    /// [`CannotOpen`] for a URL that cannot be used or a file that does not exist.
    pub async fn open(urls: &Urls) -> Result<Self, CannotOpen> {
        let orders = open(Database::Orders, &urls.orders).await?;
        Ok(Self { orders, payments: open(Database::Payments, &urls.payments).await? })
    }

    /// Both with their names.
    pub fn both(&self) -> [(Database, &Store); 2] {
        [(Database::Orders, &self.orders), (Database::Payments, &self.payments)]
    }

    /// Closes both. What cannot be closed any more is gone already.
    pub async fn close(&self) {
        for (_, store) in self.both() {
            drop(store.close().await);
        }
    }
}

async fn open(database: Database, url: &str) -> Result<Store, CannotOpen> {
    if let Some(path) = file(url) {
        if !path.is_file() {
            return Err(CannotOpen::NoFile { database, path });
        }
        refuse_foreign_log(&path).map_err(|why| CannotOpen::ForeignLog { database, why })?;
    }
    let options =
        Options { url: url.to_owned(), max_connections: CONNECTIONS, application: "gozon", plans: Plans::Free };
    Store::open(&options).await.map_err(|why| match why {
        OpenError::Driver(error) if Fault::of(&error) == Fault::Damaged => DatabaseError { database, error }.into(),
        why => CannotOpen::Url { database, why },
    })
}

static IDENTITY: Sql = Sql::new("SELECT service FROM identity");

/// Refuses a database of the other service, and one that an older version has made.
///
/// # Errors
/// [`DbErr::Custom`] in words; else the driver's.
pub(crate) async fn refuse_another(on: &impl ConnectionTrait, database: Database) -> Result<(), DbErr> {
    let rows = IDENTITY.query(on, Rows::new(), Vec::new()).await.map_err(|error| match Fault::of(&error) {
        Fault::Unavailable if !matches!(error, DbErr::Conn(_) | DbErr::ConnectionAcquire(_)) => DbErr::Custom(
            "its schema is older than this program: start the new version on it first, or use the old program"
                .to_owned(),
        ),
        _ => error,
    })?;
    let service: Option<String> = rows.first().map(|row| row.try_get("", "service")).transpose()?;
    match service {
        Some(service) if service != database.service() => {
            Err(DbErr::Custom(format!("it belongs to {service}: are --orders-url and --payments-url exchanged?")))
        }
        _ => Ok(()),
    }
}

/// The file that a SQLite URL names.
fn file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") {
        return None;
    }
    let options = SqliteConnectOptions::from_str(url).ok()?;
    Some(options.get_filename().to_owned())
}
