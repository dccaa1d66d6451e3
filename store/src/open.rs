//! Opening a database and beginning a unit of work on it.
//! Absent: waiting until a database answers (connections are made when first needed) and migration.

use crate::{
    Connection, Door, Files,
    openings::Openings,
    outdated::Outdated,
    sessions,
    simulation::{self, Step},
    writers::{Turn, Writers},
};
use async_trait::async_trait;
use futures_util::future::try_join_all;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, SqlxError, Statement, TransactionTrait,
    sqlx::{ConnectOptions as _, Connection as _, Executor, SqliteConnection},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::Mutex;
use url::Url;

/// How long a request waits for a connection before it is told that the database is unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that lay idle for longer is pinged before use: the server may have been restarted meanwhile.
const PING_AFTER_IDLE: Duration = Duration::from_secs(1);
/// Another process may hold SQLite's write lock (the audit, a backup); within this process writers queue fairly instead.
pub(crate) const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection for the writer and some for readers; each costs SQLite a thread.
pub(crate) const SQLITE_CONNECTIONS: u32 = 4;
/// Pages of 4 KiB in the write-ahead log before they are copied into the database: a page that many commits change is copied
/// once. SQLite's own 1,000 had it copy after every hundred orders or so. Costs up to 64 MB of disk, and a crash's recovery a moment.
const SQLITE_CHECKPOINT: &str = "16000";
/// Prepared statements that a connection keeps: some twenty kinds in nine sizes each.
const SQLITE_STATEMENTS: usize = 256;
/// Pages that a connection keeps in memory, in KiB (negative: SQLite's way to say KiB).
const SQLITE_CACHE: &str = "-8000";

/// How to open a database.
#[derive(Clone, Debug)]
pub struct Options {
    /// `postgres://user:password@host:port/database` or `sqlite:///path/to/file.db`.
    pub url: String,
    /// Most connections to PostgreSQL.
    pub max_connections: u32,
    /// Shown by PostgreSQL in `pg_stat_activity`.
    pub application: &'static str,
    /// How PostgreSQL finds rows.
    pub plans: Plans,
}

/// How PostgreSQL finds the rows of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plans {
    /// One by one through an index, for a service: its statements name rows by their keys, and an index has every one of them. A
    /// plan is made for good while the tables are young, and then the planner would rather read all of a table, and go on so when
    /// that has grown or is full of deleted rows.
    ByIndex,
    /// As the planner thinks best, for whoever looks at all rows.
    Free,
}

/// A URL that names no database we can use.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not a URL of one of the two kinds.
    #[error("must be postgres://user:password@host:port/database or sqlite:///path/to/file.db")]
    Url,
    /// The driver does not take it.
    #[error(transparent)]
    Driver(#[from] DbErr),
}

/// One database. A cheap clone.
#[derive(Clone, Debug)]
pub struct Store {
    connection: Connection,
    /// SQLite has one writer at a time and makes the others poll; here they queue in order instead, and commit together.
    writers: Option<Writers>,
    /// A connection to SQLite that lives as long as the store: while there is one, no other is the last, whose end copies the log into
    /// the database and deletes it.
    keeper: Arc<Mutex<Option<SqliteConnection>>>,
}

/// One unit of work: all of it is committed, or nothing.
///
/// Own it in an actor or a task of its own: in a request's future it could be cancelled during the commit, and nobody would know
/// what became of it.
#[derive(Debug)]
pub struct Tx {
    // Dropped in this order: a unit's work is taken back before its turn ends.
    unit: DatabaseTransaction,
    turn: Option<Turn>,
    outdated: Outdated,
}

impl Store {
    /// Opens a database without connecting: it may be down now and up later.
    ///
    /// # Errors
    /// [`OpenError`] when the URL is of no known kind, or names a SQLite file whose directory does not exist.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        Self::open_with(options, Door::default(), None).await
    }

    /// [`Self::open`], for those that the door lets in: several stores of one database have one door. SQLite's files are watched, too, and
    /// shut it for good when they are not there any more; they are made now or never.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_behind(options: &Options, door: Door, files: &Files) -> Result<Self, OpenError> {
        let store = Self::open_with(options, door, Some(files)).await?;
        if store.backend() == DbBackend::Sqlite {
            store
                .keep(files)
                .await
                .map_err(|error| OpenError::Driver(DbErr::Conn(RuntimeErr::SqlxError(error.into()))))?;
        }
        Ok(store)
    }

    async fn open_with(options: &Options, door: Door, files: Option<&Files>) -> Result<Self, OpenError> {
        let url = Url::parse(&options.url).map_err(|_| OpenError::Url)?;
        let mut connect = ConnectOptions::new(options.url.clone());
        connect.sqlx_logging(false).record_stmt_in_spans(false).connect_lazy(true).acquire_timeout(ACQUIRE_TIMEOUT);
        let outdated = Outdated::default();
        let writers = match url.scheme() {
            "postgres" | "postgresql" => {
                postgres(&mut connect, options, &outdated);
                None
            }
            "sqlite" => {
                sqlite(&mut connect, options.plans, files);
                Some(Writers::watching(files))
            }
            _ => return Err(OpenError::Url),
        };
        let pool = simulation::at_once(Database::connect(connect)).await?;
        let files = writers.as_ref().and(files).cloned();
        let connection = Connection { pool, door, outdated, files };
        Ok(Self { connection, writers, keeper: Arc::default() })
    }

    /// Opens all connections now, and one that is kept; from then on none makes a file.
    async fn keep(&self, files: &Files) -> Result<(), SqlxError> {
        let pool = self.pool().get_sqlite_connection_pool();
        let options = pool.connect_options().as_ref().clone().create_if_missing(false);
        let mut keeper = options.connect().await?;
        // Only who has read has opened the log.
        keeper.execute("SELECT count(*) FROM sqlite_schema").await?;
        let file = options.get_filename().to_owned();
        pool.set_connect_options(options);
        drop(try_join_all((0..SQLITE_CONNECTIONS).map(|_| pool.acquire())).await?);
        *self.keeper.lock().await = Some(keeper);
        let mut log = file.clone().into_os_string();
        log.push("-wal");
        files.guard(self.door());
        files.watch(&file);
        files.watch(Path::new(&log));
        Ok(())
    }

    /// For reads, and for single statements that need no transaction on PostgreSQL.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The pool itself, whether or not the door is open: for migrations, and for those who look whether it may be opened.
    pub fn pool(&self) -> &DatabaseConnection {
        &self.connection.pool
    }

    /// Whether the database may be used.
    pub fn door(&self) -> &Door {
        &self.connection.door
    }

    /// Which of the two databases it is.
    pub fn backend(&self) -> DbBackend {
        self.connection.pool.get_database_backend()
    }

    /// Begins a unit of work. On SQLite it is the only one until it ends, and is committed together with those that wait behind it.
    ///
    /// # Errors
    /// The driver's, when no connection can be had.
    pub async fn begin(&self) -> Result<Tx, DbErr> {
        self.connection.door.pass()?;
        simulation::before(Step::Begin).await?;
        // In a task of its own, which ends also when the caller is cancelled: sqlx 0.9 would hand a connection whose BEGIN was
        // interrupted back to the pool, with the transaction open.
        let begun = tokio::spawn(begin(self.connection.clone(), self.writers.clone())).await;
        begun.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
    }

    /// Does work that begins transactions of its own, when none of ours is under way (on SQLite, where that work would poll for its
    /// turn instead).
    ///
    /// # Errors
    /// The work's.
    pub async fn alone<T, E: From<DbErr>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        match &self.writers {
            Some(writers) => writers.alone(work).await,
            None => work.await,
        }
    }

    #[cfg(test)]
    pub(crate) fn writers(&self) -> Option<&Writers> {
        self.writers.as_ref()
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// The driver's, when there is none.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.connection.pool.ping().await
    }

    /// Closes all connections; later calls fail. When the door was shut for good, none is closed: the last one would copy its log into the
    /// file that is at its path now, and delete the log there.
    ///
    /// # Errors
    /// The driver's.
    pub async fn close(&self) -> Result<(), DbErr> {
        let keeper = self.keeper.lock().await.take();
        if self.door().is_shut_for_good() {
            // Until the process ends, which closes files and tells SQLite nothing.
            std::mem::forget((keeper, self.connection.pool.clone()));
            return Ok(());
        }
        let closed = self.connection.pool.clone().close().await;
        if let Some(keeper) = keeper {
            keeper.close().await.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        }
        closed
    }
}

impl Tx {
    /// Makes it all durable.
    ///
    /// # Errors
    /// The driver's. After one the outcome is unknown: the answer may have been lost after the commit.
    pub async fn commit(self) -> Result<(), DbErr> {
        simulation::before(Step::Commit).await?;
        simulation::at_once(self.unit.commit()).await?;
        if let Some(turn) = self.turn {
            turn.done().await?;
        }
        simulation::after(Step::Commit).await
    }

    /// Undoes it all.
    ///
    /// # Errors
    /// The driver's; the database undoes it on its own then.
    pub async fn rollback(self) -> Result<(), DbErr> {
        simulation::at_once(self.unit.rollback()).await?;
        match self.turn {
            Some(turn) => turn.given_up().await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.unit.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.outdated.heed(self.unit.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.outdated.heed(self.unit.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.outdated.heed(self.unit.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.outdated.heed(self.unit.query_all_raw(statement).await)
    }
}

async fn begin(connection: Connection, writers: Option<Writers>) -> Result<Tx, DbErr> {
    let Connection { pool, outdated, .. } = connection;
    match writers {
        Some(writers) => writers.begin(&pool).await.map(|(unit, turn)| Tx { unit, turn: Some(turn), outdated }),
        None => outdated.heed(pool.begin().await).map(|unit| Tx { unit, turn: None, outdated }),
    }
}

fn postgres(connect: &mut ConnectOptions, options: &Options, outdated: &Outdated) {
    let (settings, outdated) = (sessions::settings(options.plans), outdated.clone());
    connect
        .max_connections(options.max_connections)
        .test_before_acquire(false)
        .test_before_acquire_if_idle_for(PING_AFTER_IDLE)
        .set_application_name(options.application)
        .map_sqlx_postgres_pool_opts(move |pool| {
            let settings = settings.clone();
            pool.after_connect(move |connection, _| {
                let settings = settings.clone();
                Box::pin(async move { sessions::set(connection, settings).await })
            })
        })
        .map_sqlx_postgres_before_acquire(move |_, about| {
            let usable = !outdated.includes(about.age, Duration::ZERO);
            Box::pin(async move { Ok(usable) })
        });
}

fn sqlite(connect: &mut ConnectOptions, plans: Plans, files: Option<&Files>) {
    // When the disk is full, SQLite ends a transaction by itself and sqlx does not hear of it: all that is begun on that connection
    // later would be a part of something that nobody commits.
    let (opened, files) = (Openings::default(), files.cloned());
    connect.map_sqlx_sqlite_pool_opts(move |pool| {
        let (look, known, files) = (opened.clone(), opened.clone(), files.clone());
        let pool = pool.idle_timeout(None).max_lifetime(None);
        let pool = pool.before_acquire(move |connection, about| {
            let usable = !connection.is_in_transaction() && !known.may_be_read_only(about.age);
            Box::pin(async move { Ok(usable) })
        });
        match plans {
            Plans::ByIndex => pool.after_connect(move |connection, _| {
                let (look, files) = (look.clone(), files.clone());
                Box::pin(async move {
                    // Before anything is done with what may be another file.
                    files
                        .map_or(Ok(()), |files| files.look())
                        .map_err(|error| SqlxError::Protocol(error.to_string()))?;
                    look.note(connection).await
                })
            }),
            Plans::Free => pool,
        }
    });
    let connections = simulation::connections(SQLITE_CONNECTIONS);
    connect.max_connections(connections).test_before_acquire(false).map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .create_if_missing(plans == Plans::ByIndex)
            .busy_timeout(SQLITE_BUSY_TIMEOUT)
            .pragma("journal_mode", "WAL")
            // FULL: a commit is on the disk when it is answered, also after a power cut.
            .pragma("synchronous", "FULL")
            .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT)
            .pragma("cache_size", SQLITE_CACHE)
            .statement_cache_capacity(SQLITE_STATEMENTS)
            .pragma("foreign_keys", "ON")
    });
}
