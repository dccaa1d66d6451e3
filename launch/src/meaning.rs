//! What the data of a database means, looked at before anybody uses it: whose it is, in which currency, and whether its server and its
//! settings are such that what we write is what we read.
//! Absent: the schema (migration) and single rows (the audit).

use entities::messaging::identity;
use migration::MigrateError;
use saga::Currency;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryResult, Statement,
};
use std::fmt::Display;
use store::Store;

/// Why a database cannot be used, or not yet.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// It does not answer, or its schema is not there yet.
    #[error(transparent)]
    Away(#[from] DbErr),
    /// It is not what this program was told that it is. The text says what to do.
    #[error("{0}")]
    Refused(String),
    /// Its schema cannot be brought up to date while somebody holds a lock.
    #[error("{0}")]
    Locked(String),
    /// What is in it has to be mended first. The text says what.
    #[error("{0}")]
    Broken(String),
}

impl From<MigrateError> for Unfit {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Database(error) => Self::Away(error),
            MigrateError::NotOurs(why) => Self::Refused(why),
            MigrateError::Locked(_) => Self::Locked(error.to_string()),
            MigrateError::Broken(why) => Self::Broken(why),
        }
    }
}

/// What is wrong with a database that can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doubts {
    /// What an operator must mend, because answered orders are at stake.
    pub degraded: Vec<String>,
    /// What an operator ought to know.
    pub remarks: Vec<String>,
}

/// Looks at a database whose schema is up to date. The first to look writes the currency down, so that two that start on an empty
/// database cannot disagree.
///
/// # Errors
/// [`Unfit`] when it cannot be used.
pub async fn examine(store: &Store, service: &'static str, currency: Currency) -> Result<Doubts, Unfit> {
    store.alone(look(store.pool(), service, currency)).await
}

async fn look(database: &DatabaseConnection, service: &'static str, currency: Currency) -> Result<Doubts, Unfit> {
    let doubts = match database.get_database_backend() {
        DbBackend::Postgres => on_postgres(database).await?,
        _ => on_sqlite(database).await?,
    };
    let identity = read(database).await?;
    if identity.service != service {
        return refused(format!("this database belongs to {}: give {service} its own", identity.service));
    }
    let kept_in = match identity.currency {
        Some(kept_in) => kept_in,
        None => write_down(database, currency).await?,
    };
    if kept_in != currency.as_str() {
        return refused(format!(
            "the amounts in this database are in {kept_in} and the shop is configured for {currency}: start it with \
             --currency {kept_in}, or on another database"
        ));
    }
    Ok(doubts)
}

/// The identity of a database.
///
/// # Errors
/// [`DbErr::RecordNotFound`] when somebody has deleted the row; else the driver's.
pub async fn read(database: &impl ConnectionTrait) -> Result<identity::Model, DbErr> {
    let row = identity::Entity::find_by_id(1).one(database).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("the row of the table identity".to_owned()))
}

/// Whoever is first; what the row says afterwards.
async fn write_down(database: &DatabaseConnection, currency: Currency) -> Result<String, Unfit> {
    if currency.is_withdrawn() {
        return refused(format!("{currency} is out of use: only a database that has amounts in it already can go on"));
    }
    let column = identity::Column::Currency;
    let first = identity::Entity::update_many()
        .set(identity::ActiveModel { currency: Set(Some(currency.as_str().to_owned())), ..Default::default() })
        .filter(column.is_null());
    first.exec(database).await?;
    let written = read(database).await?.currency;
    written.ok_or_else(|| DbErr::RecordNotUpdated.into())
}

/// Encoding, level and so on are a session's, which the database or the role may have changed for it.
async fn on_postgres(database: &DatabaseConnection) -> Result<Doubts, Unfit> {
    const SETTINGS: &str = "SELECT current_setting('server_encoding') AS encoding, \
        current_setting('default_transaction_isolation') AS isolation, \
        current_setting('transaction_read_only') AS read_only, pg_is_in_recovery() AS standby, \
        current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes, \
        current_setting('synchronous_commit') AS commits, current_setting('synchronous_standby_names') AS standbys";
    let row = one(database, SETTINGS).await?;
    let text = |column: &str| row.try_get::<String>("", column);
    if text("encoding")? != "UTF8" {
        return refused(format!(
            "this database has the encoding {} and texts of all languages are kept in it: make it with ENCODING 'UTF8'",
            text("encoding")?
        ));
    }
    if text("isolation")? != "read committed" {
        return refused(format!(
            "sessions begin with the isolation level {} although they set read committed: what stands between here and the \
             server must pass SET on",
            text("isolation")?
        ));
    }
    if row.try_get::<bool>("", "standby")? {
        return refused("this server is a standby, which takes no writes: use the address of the primary");
    }
    if text("read_only")? == "on" {
        return refused(
            "sessions are read-only: reset default_transaction_read_only of the database, the role or the server",
        );
    }
    let mut doubts = Doubts::default();
    if text("fsync")? == "off" {
        doubts.degraded.push(
            "its server runs with fsync off: a crash of its machine loses or damages what was answered".to_owned(),
        );
    }
    if text("full_page_writes")? == "off" {
        let remark =
            "the server runs with full_page_writes off, which is safe only where the file system writes pages whole";
        doubts.remarks.push(remark.to_owned());
    }
    let (commits, standbys) = (text("commits")?, text("standbys")?);
    if !standbys.is_empty() && ["local", "remote_write"].contains(&commits.as_str()) {
        doubts.remarks.push(format!(
            "synchronous_commit is {commits} and there are synchronous standbys: a failover may lose what was answered"
        ));
    }
    if collation_has_changed(database).await {
        let remark = "the operating system's collation is another one than when it was made; nothing of the shop compares by it \
                      (ALTER DATABASE … REFRESH COLLATION VERSION, once all else in it is looked after)";
        doubts.remarks.push(remark.to_owned());
    }
    Ok(doubts)
}

/// PostgreSQL knows since 15.
async fn collation_has_changed(database: &DatabaseConnection) -> bool {
    const CHANGED: &str = "SELECT datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid) AS changed \
        FROM pg_database WHERE datname = current_database()";
    one(database, CHANGED).await.and_then(|row| row.try_get("", "changed")).unwrap_or(false)
}

async fn on_sqlite(database: &DatabaseConnection) -> Result<Doubts, Unfit> {
    let pragmas = [("encoding", "UTF-8"), ("journal_mode", "wal")];
    for (pragma, needed) in pragmas {
        let value: String = one(database, &format!("PRAGMA {pragma}")).await?.try_get_by_index(0)?;
        if value != needed {
            return refused(format!("this file has the {pragma} {value} and must have {needed}: {REMEDY}"));
        }
    }
    let foreign_keys: i32 = one(database, "PRAGMA foreign_keys").await?.try_get_by_index(0)?;
    if foreign_keys != 1 {
        return refused("this SQLite does not check foreign keys: use a build that does");
    }
    Ok(Doubts::default())
}

/// A write-ahead log needs memory that processes share, which network file systems lack.
const REMEDY: &str = "put it on a local disk, and let no other program change its settings";

async fn one(database: &DatabaseConnection, sql: &str) -> Result<QueryResult, DbErr> {
    let row = database.query_one_raw(Statement::from_string(database.get_database_backend(), sql)).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))
}

fn refused<T>(why: impl Display) -> Result<T, Unfit> {
    Err(Unfit::Refused(why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::database::{Kind, TestResult, open, with_database};
    use sea_orm::ConnectionTrait;

    const USD: &str = "USD";

    fn usd() -> Currency {
        USD.parse().unwrap()
    }

    /// What is refused, in its words.
    fn words(examined: Result<Doubts, Unfit>) -> String {
        match examined {
            Err(Unfit::Refused(words)) => words,
            other => panic!("{other:?}"),
        }
    }

    async fn the_first_to_look_decides_the_currency(kind: Kind) -> TestResult {
        with_database(kind, async |url| {
            let store = open(&url).await?;
            migration::payments::up(store.pool()).await?;
            let look = async |currency| examine(&store, migration::payments::SERVICE, currency).await;
            let withdrawn = words(look("HRK".parse()?).await);
            assert!(withdrawn.contains("out of use"), "{withdrawn}");
            let looks = [look(Currency::RUB), look(usd()), look(Currency::RUB), look(usd())];
            let found = futures_util::future::join_all(looks).await;
            let kept_in = read(store.pool()).await?.currency.ok_or("the first wrote it")?;
            for (currency, found) in ["RUB", USD, "RUB", USD].into_iter().zip(found) {
                assert_eq!(found.is_ok(), currency == kept_in, "{found:?}");
            }
            let other = if kept_in == USD { Currency::RUB } else { usd() };
            let refused = words(look(other).await);
            assert!(refused.contains(&format!("--currency {kept_in}")), "{refused}");
            Ok(store.close().await?)
        })
        .await
    }

    async fn a_database_of_the_other_service_is_refused(kind: Kind) -> TestResult {
        with_database(kind, async |url| {
            let store = open(&url).await?;
            migration::payments::up(store.pool()).await?;
            let refused = words(examine(&store, migration::orders::SERVICE, usd()).await);
            assert!(refused.starts_with("this database belongs to payments-svc"), "{refused}");
            assert_eq!(read(store.pool()).await?.currency, None, "nothing is written into it");
            Ok(store.close().await?)
        })
        .await
    }

    #[tokio::test]
    async fn on_sqlite_the_first_to_look_decides_the_currency() -> TestResult {
        the_first_to_look_decides_the_currency(Kind::Sqlite).await
    }

    #[tokio::test]
    async fn on_sqlite_a_database_of_the_other_service_is_refused() -> TestResult {
        a_database_of_the_other_service_is_refused(Kind::Sqlite).await
    }

    #[tokio::test]
    async fn a_file_that_another_program_has_taken_out_of_its_log_is_refused() -> TestResult {
        with_database(Kind::Sqlite, async |url| {
            let store = open(&url).await?;
            migration::orders::up(store.pool()).await?;
            store.close().await?;
            let other = sea_orm::Database::connect(&url).await?;
            other.execute_unprepared("PRAGMA encoding").await?;
            let encoding = words(on_sqlite(&with("PRAGMA journal_mode = DELETE", other).await?).await);
            assert!(encoding.contains("journal_mode delete") && encoding.contains("local disk"), "{encoding}");
            Ok(())
        })
        .await
    }

    async fn with(statement: &str, database: DatabaseConnection) -> Result<DatabaseConnection, DbErr> {
        database.execute_unprepared(statement).await?;
        Ok(database)
    }

    #[cfg(feature = "servers")]
    mod on_postgres {
        use super::*;

        #[tokio::test]
        async fn the_first_to_look_decides_the_currency() -> TestResult {
            super::the_first_to_look_decides_the_currency(Kind::Postgres).await
        }

        #[tokio::test]
        async fn a_database_of_the_other_service_is_refused() -> TestResult {
            super::a_database_of_the_other_service_is_refused(Kind::Postgres).await
        }

        #[tokio::test]
        async fn what_texts_or_writes_would_not_survive_is_refused() -> TestResult {
            with_database(Kind::Postgres, async |url| {
                let admin = open(&url).await?;
                let latin = format!("latin_{}", uuid::Uuid::new_v4().simple());
                let make = format!("CREATE DATABASE {latin} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
                admin.connection().execute_unprepared(&make).await?;
                let (server, name) = url.rsplit_once('/').ok_or("a URL ends in the database")?;
                let store = open(&format!("{server}/{latin}")).await?;
                let refused = words(on_postgres(store.pool()).await);
                store.close().await?;
                admin.connection().execute_unprepared(&format!("DROP DATABASE {latin} WITH (FORCE)")).await?;
                assert!(refused.contains("LATIN1") && refused.contains("UTF8"), "{refused}");

                let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
                admin.connection().execute_unprepared(&read_only).await?;
                let store = open(&url).await?;
                let refused = words(on_postgres(store.pool()).await);
                assert!(refused.contains("default_transaction_read_only"), "{refused}");
                store.close().await?;

                let tuned = format!(
                    "SET default_transaction_read_only = off; ALTER DATABASE {name} RESET default_transaction_read_only; \
                     UPDATE pg_database SET datcollversion = 'of yesterday' WHERE datname = '{name}'"
                );
                admin.connection().execute_unprepared(&tuned).await?;
                let store = open(&url).await?;
                let doubts = on_postgres(store.pool()).await?;
                assert!(doubts.remarks.iter().any(|remark| remark.contains("collation")), "{doubts:?}");
                store.close().await?;
                Ok(admin.close().await?)
            })
            .await
        }
    }
}
