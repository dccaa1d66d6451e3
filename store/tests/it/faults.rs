//! `Fault::of` on the errors that the databases really give.

use crate::{
    database::{Database, TestResult, open},
    units::{counter, write},
};
use sea_orm::{ConnectionTrait, DbErr};
use store::{Fault, OpenError, Options, Plans, Store};

async fn fault(store: &Store, sql: &str) -> TestResult<Fault> {
    let error = match store.begin().await {
        Ok(tx) => tx.execute_unprepared(sql).await.err().ok_or("the statement worked")?,
        Err(error) => error,
    };
    Ok(Fault::of(&error))
}

pub async fn a_row_that_is_there_already_is_a_constraint_fault(database: Database) -> TestResult {
    let store = database.open().await?;
    counter(&store).await?;
    assert_eq!(fault(&store, "INSERT INTO counter VALUES (1, 5)").await?, Fault::Constraint);
    assert_eq!(fault(&store, "INSERT INTO counter VALUES (2, NULL)").await?, Fault::Constraint);
    Ok(())
}

pub async fn a_table_that_is_not_there_yet_is_unavailable(database: Database) -> TestResult {
    let store = database.open().await?;
    assert_eq!(fault(&store, "INSERT INTO later VALUES (1)").await?, Fault::Unavailable);
    Ok(())
}

pub async fn a_statement_with_a_mistake_is_a_defect(database: Database) -> TestResult {
    let store = database.open().await?;
    counter(&store).await?;
    for sql in ["SELEKT 1", "INSERT INTO counter VALUES (2, 0, 0, 0)"] {
        assert_eq!(fault(&store, sql).await?, Fault::Defect, "{sql}");
    }
    assert_eq!(
        fault(&store, "UPDATE counter SET later = 1").await?,
        Fault::Unavailable,
        "a column that is not there yet"
    );
    Ok(())
}

#[tokio::test]
async fn a_damaged_file_is_damaged_and_not_waited_for() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("test.db");
    std::fs::write(&path, [b'?'; 8192])?;
    let url = format!("sqlite://{}", path.display());
    let options = Options { url, max_connections: 1, application: "store-test", plans: Plans::ByIndex };
    match Store::open(&options).await {
        Err(OpenError::Driver(error)) => assert_eq!(Fault::of(&error), Fault::Damaged, "{error:?}"),
        other => panic!("{other:?}"),
    }
    Ok(())
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_unavailable() -> TestResult {
    // Bound and let go: nobody is there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let store = open(&format!("postgres://nobody@127.0.0.1:{port}/nothing")).await?;
    let error: DbErr = store.begin().await.err().ok_or("begun")?;
    assert_eq!(Fault::of(&error), Fault::Unavailable, "{error:?}");
    let error = write(store.connection(), 1).await.err().ok_or("written")?;
    let error = error.downcast_ref::<DbErr>().ok_or("not the driver's")?;
    assert_eq!(Fault::of(error), Fault::Unavailable, "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_read_only_file_is_unavailable_for_writers_and_open_to_readers() -> TestResult {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let writer = open(&url).await?;
    counter(&writer).await?;
    let reader = open(&format!("{url}?mode=ro")).await?;
    assert_eq!(fault(&reader, "INSERT INTO counter VALUES (2, 0)").await?, Fault::Unavailable);
    assert!(reader.connection().execute_unprepared("SELECT n FROM counter").await.is_ok());
    Ok(())
}

#[cfg(feature = "servers")]
mod on_postgres {
    use super::*;
    use crate::database::{Kind, with_database};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lock_that_does_not_come_is_contention() -> TestResult {
        with_database(Kind::Postgres, |database| async move {
            let store = database.open().await?;
            counter(&store).await?;
            let holder = store.begin().await?;
            write(&holder, 1).await?;
            let waiter = store.begin().await?;
            waiter.execute_unprepared("SET LOCAL lock_timeout = '10ms'").await?;
            let error = waiter.execute_unprepared("UPDATE counter SET n = 2").await.err().ok_or("not locked")?;
            assert_eq!(Fault::of(&error), Fault::Contention, "{error:?}");
            Ok(())
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_lets_us_in_no_more_is_unavailable() -> TestResult {
        let mut url = url::Url::parse(&testbed::postgres_url())?;
        url.set_username("somebody_who_is_not_there").map_err(|()| "a URL with users")?;
        let error = open(url.as_str()).await?.begin().await.err().ok_or("let in")?;
        assert!(error.to_string().contains("somebody_who_is_not_there"), "{error}");
        assert_eq!(Fault::of(&error), Fault::Unavailable, "{error:?}");
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_that_was_ended_in_the_middle_of_a_transaction_is_unavailable() -> TestResult {
        with_database(Kind::Postgres, |database| async move {
            let (store, other) = (database.open().await?, database.open().await?);
            let tx = store.begin().await?;
            tx.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = '10ms'").await?;
            let sessions = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
            let sessions = sea_orm::Statement::from_string(other.backend(), sessions);
            while !other.connection().query_all_raw(sessions.clone()).await?.is_empty() {}
            let error = tx.execute_unprepared("SELECT 1").await.err().ok_or("it goes on")?;
            assert_eq!(Fault::of(&error), Fault::Unavailable, "{error:?}");
            Ok(())
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_only_server_is_unavailable_and_wrong_sql_is_a_defect() -> TestResult {
        with_database(Kind::Postgres, |database| async move {
            let store = database.open().await?;
            counter(&store).await?;
            assert_eq!(fault(&store, "SELEKT 1").await?, Fault::Defect);
            let tx = store.begin().await?;
            tx.execute_unprepared("SET TRANSACTION READ ONLY").await?;
            let error = tx.execute_unprepared("UPDATE counter SET n = 2").await.err().ok_or("written")?;
            assert_eq!(Fault::of(&error), Fault::Unavailable, "{error:?}");
            Ok(())
        })
        .await
    }

    /// A migration comes between a statement and its preparation: the session is thrown away, and the same again does.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_that_outlives_a_migration_is_thrown_away_and_so_is_one_that_is_read_only() -> TestResult {
        static ALL: store::Sql = store::Sql::new("SELECT n, word FROM words");
        with_database(Kind::Postgres, |database| async move {
            let options = |application| Options {
                url: database.url.clone(),
                max_connections: 1,
                application,
                plans: Plans::ByIndex,
            };
            let (store, other) = (Store::open(&options("store-test")).await?, database.open().await?);
            let alter = async |sql: &str| other.connection().execute_unprepared(sql).await;
            let all = async || ALL.query(store.connection(), store::Rows::new(), Vec::new()).await;
            alter("CREATE TABLE words (n int, word text)").await?;
            all().await?;
            alter("ALTER TABLE words ALTER word TYPE text COLLATE \"C\"").await?;
            let error = all().await.err().ok_or("the plan still fits")?;
            assert_eq!(Fault::of(&error), Fault::Contention, "{error:?}");
            all().await?;

            alter("ALTER TABLE words ALTER word TYPE text COLLATE \"default\"").await?;
            let tx = store.begin().await?;
            let error = ALL.query(&tx, store::Rows::new(), Vec::new()).await.err().ok_or("the plan still fits")?;
            assert_eq!(Fault::of(&error), Fault::Contention, "{error:?}");
            tx.rollback().await?;
            let tx = store.begin().await?;
            ALL.query(&tx, store::Rows::new(), Vec::new()).await?;
            tx.commit().await?;

            let (_, name) = database.url.rsplit_once('/').ok_or("a URL ends in the database")?;
            alter(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await?;
            let late = Store::open(&options("store-test-late")).await?;
            assert_eq!(fault(&late, "INSERT INTO words VALUES (1)").await?, Fault::Unavailable);
            let reset = format!(
                "SET default_transaction_read_only = off; ALTER DATABASE {name} RESET default_transaction_read_only"
            );
            alter(&reset).await?;
            late.begin().await?.execute_unprepared("INSERT INTO words VALUES (1)").await?;
            Ok(())
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_database_that_does_not_exist_and_a_pool_that_is_used_up_are_unavailable() -> TestResult {
        with_database(Kind::Postgres, |database| async move {
            let elsewhere = open(&format!("{}_not_made", database.url)).await?;
            assert_eq!(fault(&elsewhere, "SELECT 1").await?, Fault::Unavailable);
            let store = database.open().await?;
            let mut held = Vec::new();
            for _ in 0..5 {
                held.push(store.begin().await?);
            }
            assert_eq!(fault(&store, "SELECT 1").await?, Fault::Unavailable);
            Ok(())
        })
        .await
    }
}
