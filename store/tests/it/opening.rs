//! Opening: what is a URL, and a database that is down now and up later.

use crate::database::TestResult;
use store::{OpenError, Options, Plans, Store};
#[cfg(feature = "servers")]
use store::{Rows, Sql};
#[cfg(feature = "servers")]
use uuid::Uuid;

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    for url in ["", "x", "mysql://root@localhost/shop", "/tmp/shop.db", "http://localhost"] {
        let options =
            Options { url: url.to_owned(), max_connections: 1, application: "store-test", plans: Plans::ByIndex };
        assert!(matches!(Store::open(&options).await, Err(OpenError::Url)), "{url}");
    }
}

#[tokio::test]
async fn a_file_in_a_directory_that_does_not_exist_is_refused() -> TestResult {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}", folder.path().join("nowhere/test.db").display());
    let options = Options { url, max_connections: 1, application: "store-test", plans: Plans::ByIndex };
    assert!(matches!(Store::open(&options).await, Err(OpenError::Driver(_))));
    Ok(())
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_opens_while_it_is_away_and_works_once_it_is_back() -> TestResult {
    use crate::database::open;
    use store::Fault;
    let url = testbed::postgres_url();
    let proxy = testbed::Proxy::start(testbed::address_of(&url)?)?;
    proxy.refuse(true)?;
    let store = open(&proxy.url(&url)).await?;
    let error = store.begin().await.err().ok_or("begun without a server")?;
    assert_eq!(Fault::of(&error), Fault::Unavailable, "{error:?}");
    proxy.refuse(false)?;
    store.begin().await?.commit().await?;
    // Open connections break: the next unit of work may fail or not, the one after works.
    proxy.cut();
    let broken = store.begin().await;
    assert!(broken.as_ref().err().is_none_or(|error| Fault::of(error) == Fault::Unavailable), "{broken:?}");
    drop(broken);
    store.begin().await?.commit().await?;
    Ok(())
}

/// EXPLAIN shows it of a table as short as those on which a service's plans are made.
#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_finds_rows_by_index_even_in_a_table_that_is_short() -> TestResult {
    use sea_orm::ConnectionTrait;
    const JOIN: &str =
        "EXPLAIN SELECT * FROM pg_am JOIN unnest(ARRAY[2, 403]) AS wanted (oid) ON pg_am.oid = wanted.oid::oid";
    for (plans, by_index) in [(Plans::ByIndex, true), (Plans::Free, false)] {
        let url = testbed::postgres_url();
        let store = Store::open(&Options { url, max_connections: 1, application: "store-test", plans }).await?;
        let lines = store.connection().query_all_raw(sea_orm::Statement::from_string(store.backend(), JOIN)).await?;
        let plan: Vec<String> = lines.iter().map(|line| line.try_get_by_index(0)).collect::<Result<_, _>>()?;
        assert_eq!(plan.concat().contains("Index Scan using pg_am_oid_index"), by_index, "{plan:#?}");
        store.close().await?;
    }
    Ok(())
}

/// A vacuum that finds a table empty is believed until the next one, however many rows come meanwhile. What is led by the table then
/// reads all of it, and the batch for each row.
#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_looked_up_even_in_a_table_that_was_empty_when_it_was_vacuumed() -> TestResult {
    use sea_orm::ConnectionTrait;
    static ANY: Sql = Sql::over("id uuid", "EXPLAIN DELETE FROM letters WHERE id {any id}");
    static JOIN: Sql = Sql::over("id uuid", "EXPLAIN DELETE FROM letters WHERE id IN (SELECT id FROM {rows})");
    const TABLE: &str = "CREATE TEMPORARY TABLE letters (id uuid PRIMARY KEY, body text);
        INSERT INTO letters SELECT gen_random_uuid(), repeat('x', 100) FROM generate_series(1, 2000);
        DELETE FROM letters;";
    let options =
        Options { url: testbed::postgres_url(), max_connections: 1, application: "store-test", plans: Plans::ByIndex };
    let store = Store::open(&options).await?;
    store.connection().execute_unprepared(TABLE).await?;
    store.connection().execute_unprepared("VACUUM (TRUNCATE false) letters").await?;
    for (sql, looked_up) in [(&ANY, true), (&JOIN, false)] {
        let batch = Rows::new().uuids((0..10).map(|_| Uuid::now_v7()));
        let lines = sql.query(store.connection(), batch, Vec::new()).await?;
        let plan: Vec<String> = lines.iter().map(|line| line.try_get_by_index(0)).collect::<Result<_, _>>()?;
        assert_eq!(plan.concat().contains("Index Cond"), looked_up, "{plan:#?}");
    }
    store.close().await?;
    Ok(())
}

/// Of a long table that nobody has analysed yet, as a service's tables are at first: a part is read, not all of it and sorted.
#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_reads_the_first_rows_of_a_range_in_the_order_of_their_index() -> TestResult {
    use sea_orm::ConnectionTrait;
    const TABLE: &str =
        "CREATE TEMPORARY TABLE orders (id uuid PRIMARY KEY, note text) WITH (autovacuum_enabled = off);
        INSERT INTO orders SELECT gen_random_uuid(), repeat('x', 100) FROM generate_series(1, 20000);";
    const PART: &str = "EXPLAIN SELECT id, note FROM orders
        WHERE id >= '00000000-0000-0000-0000-000000000000' AND id < 'ffffffff-ffff-ffff-ffff-ffffffffffff' ORDER BY id LIMIT 500";
    for (plans, in_order) in [(Plans::ByIndex, true), (Plans::Free, false)] {
        let url = testbed::postgres_url();
        let store = Store::open(&Options { url, max_connections: 1, application: "store-test", plans }).await?;
        store.connection().execute_unprepared(TABLE).await?;
        let lines = store.connection().query_all_raw(sea_orm::Statement::from_string(store.backend(), PART)).await?;
        let plan: Vec<String> = lines.iter().map(|line| line.try_get_by_index(0)).collect::<Result<_, _>>()?;
        assert_eq!(!plan.concat().contains("Sort"), in_order, "{plan:#?}");
        store.close().await?;
    }
    Ok(())
}

/// One that stands still in a transaction holds up everybody who wants the same rows. The audit stands still while it reads elsewhere.
#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stands_still_in_a_transaction_loses_its_session_and_the_audit_does_not() -> TestResult {
    use sea_orm::ConnectionTrait;
    for (plans, limit) in [(Plans::ByIndex, "10s"), (Plans::Free, "0")] {
        let url = testbed::postgres_url();
        let store = Store::open(&Options { url, max_connections: 1, application: "store-test", plans }).await?;
        let show = "SHOW idle_in_transaction_session_timeout";
        let rows = store.connection().query_all_raw(sea_orm::Statement::from_string(store.backend(), show)).await?;
        assert_eq!(rows.first().ok_or("no row")?.try_get_by_index::<String>(0)?, limit, "{plans:?}");
        store.close().await?;
    }
    Ok(())
}

/// A database or a role may have been tuned; what was answered must be on the disk all the same, and what is stricter stays.
#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn a_session_waits_for_the_disk_and_begins_with_our_level_whatever_the_database_says() -> TestResult {
    use sea_orm::ConnectionTrait;
    crate::with_database(crate::Kind::Postgres, |database| async move {
        let url = database.url;
        let open = async || {
            let options = Options { url: url.clone(), max_connections: 1, application: "test", plans: Plans::Free };
            Store::open(&options).await
        };
        let setup = open().await?;
        let (_, name) = url.rsplit_once('/').ok_or("a URL ends in the database")?;
        let alter = async |setting: &str| {
            setup.connection().execute_unprepared(&format!("ALTER DATABASE {name} SET {setting}")).await
        };
        alter("default_transaction_isolation = 'serializable'").await?;
        for (tuned, kept) in [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")] {
            alter(&format!("synchronous_commit = {tuned}")).await?;
            let store = open().await?;
            let show =
                "SELECT current_setting('synchronous_commit') || ' ' || current_setting('transaction_isolation')";
            let rows = store.connection().query_all_raw(sea_orm::Statement::from_string(store.backend(), show)).await?;
            let shown: String = rows.first().ok_or("no row")?.try_get_by_index(0)?;
            assert_eq!(shown, format!("{kept} read committed"), "{tuned}");
            store.close().await?;
        }
        Ok(setup.close().await?)
    })
    .await
}
