//! Units of work: all or nothing, one after the other on SQLite.

use crate::database::{Database, TestResult};
use sea_orm::ConnectionTrait;
use store::{Fault, Rows, Sql, Store};

const WRITERS: i64 = 20;
const ROUNDS: i64 = 10;

static READ: Sql = Sql::new("SELECT n FROM counter WHERE id = 1 {for update}");
static WRITE: Sql = Sql::new("UPDATE counter SET n = {1} WHERE id = 1");

pub async fn counter(store: &Store) -> TestResult {
    store.connection().execute_unprepared("CREATE TABLE counter (id bigint PRIMARY KEY, n bigint NOT NULL)").await?;
    store.connection().execute_unprepared("INSERT INTO counter VALUES (1, 0)").await?;
    Ok(())
}

pub async fn read(on: &impl ConnectionTrait) -> TestResult<i64> {
    let rows = READ.query(on, Rows::new(), Vec::new()).await?;
    Ok(rows.first().ok_or("no counter")?.try_get("", "n")?)
}

pub async fn write(on: &impl ConnectionTrait, n: i64) -> TestResult {
    WRITE.execute(on, Rows::new(), vec![n.into()]).await?;
    Ok(())
}

pub async fn what_is_committed_is_there_and_what_is_dropped_is_not(database: Database) -> TestResult {
    let (store, other) = (database.open().await?, database.open().await?);
    counter(&store).await?;
    let tx = store.begin().await?;
    write(&tx, 1).await?;
    assert_eq!((read(&tx).await?, read_plain(&other).await?), (1, 0));
    tx.commit().await?;
    assert_eq!(read_plain(&other).await?, 1);

    let tx = store.begin().await?;
    write(&tx, 2).await?;
    drop(tx);
    let tx = store.begin().await?;
    assert_eq!(read(&tx).await?, 1);
    write(&tx, 3).await?;
    tx.rollback().await?;
    assert_eq!(read_plain(&other).await?, 1);
    Ok(())
}

/// Without a lock: what is committed, whoever writes.
async fn read_plain(store: &Store) -> TestResult<i64> {
    static SQL: Sql = Sql::new("SELECT n FROM counter WHERE id = 1");
    let rows = SQL.query(store.connection(), Rows::new(), Vec::new()).await?;
    Ok(rows.first().ok_or("no counter")?.try_get("", "n")?)
}

pub async fn twenty_concurrent_units_of_work_queue_and_none_fails(database: Database) -> TestResult {
    let store = database.open().await?;
    counter(&store).await?;
    let writer = |store: Store| async move {
        for _ in 0..ROUNDS {
            let tx = store.begin().await?;
            let n = read(&tx).await?;
            write(&tx, n + 1).await?;
            tx.commit().await?;
        }
        TestResult::Ok(())
    };
    let writers: Vec<_> = (0..WRITERS).map(|_| tokio::spawn(writer(store.clone()))).collect();
    for writer in writers {
        writer.await??;
    }
    assert_eq!(read_plain(&store).await?, WRITERS * ROUNDS);
    Ok(())
}

pub async fn a_unit_of_work_goes_on_after_a_statement_of_another_failed(database: Database) -> TestResult {
    let store = database.open().await?;
    counter(&store).await?;
    for _ in 0..10 {
        let tx = store.begin().await?;
        assert!(tx.execute_unprepared("INSERT INTO counter VALUES (1, 0)").await.is_err());
        drop(tx);
        let tx = store.begin().await?;
        let n = read(&tx).await?;
        write(&tx, n + 1).await?;
        tx.commit().await?;
    }
    assert_eq!(read_plain(&store).await?, 10);
    Ok(())
}

pub async fn a_closed_database_refuses_with_unavailable(database: Database) -> TestResult {
    let store = database.open().await?;
    store.ping().await?;
    store.close().await?;
    let error = store.begin().await.err().ok_or("begun on a closed database")?;
    assert_eq!(Fault::of(&error), Fault::Unavailable, "{error:?}");
    Ok(())
}
