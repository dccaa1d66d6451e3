//! Migrating as such: forth and back, many at once, and failing half-way; what the tables hold is tested elsewhere.

use futures_util::future::try_join_all;
use migration::{orders, payments};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use sea_orm_migration::MigratorTrait;

use crate::database::{TestDatabase, TestResult};

/// The table in which sea-orm-migration records what it applied.
const RECORD: &str = "seaql_migrations";
const ORDERS_TABLES: [&str; 6] = ["identity", "inbox", "orders", "outbox", "parked", RECORD];
const PAYMENTS_TABLES: [&str; 8] = ["accounts", "entries", "identity", "inbox", "outbox", "parked", "payments", RECORD];

const PARKED_INDEX: &str = "parked_next_attempt_at";

const ORDERS_MIGRATIONS: i64 = 5;
const PAYMENTS_MIGRATIONS: i64 = 7;

/// How many instances start at the same moment.
const INSTANCES: usize = 10;

pub async fn up_makes_exactly_the_tables_of_its_database(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    orders::up(&db).await?;
    assert_eq!(tables(&db).await?, ORDERS_TABLES);
    orders::down(&db).await?;
    payments::up(&db).await?;
    assert_eq!(tables(&db).await?, PAYMENTS_TABLES);
    Ok(())
}

pub async fn up_makes_the_indexes_and_those_over_optional_columns_are_partial(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    orders::up(&db).await?;
    let cancels = "orders_cancel_requested_at";
    let indexes =
        [("orders_idempotency_key", true), ("orders_user_id_id", false), (cancels, true), (PARKED_INDEX, false)];
    for (index, partial) in indexes {
        assert_eq!(index_definition(&db, index).await?.contains("WHERE"), partial, "{index}");
    }
    orders::down(&db).await?;
    payments::up(&db).await?;
    for (index, partial) in [("entries_order_id_kind", true), ("entries_idempotency_key", true), (PARKED_INDEX, false)]
    {
        assert_eq!(index_definition(&db, index).await?.contains("WHERE"), partial, "{index}");
    }
    Ok(())
}

pub async fn up_again_changes_nothing(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    payments::up(&db).await?;
    db.execute_unprepared("INSERT INTO accounts VALUES ('ann', 5, 1, 'RUB', 0)").await?;
    payments::up(&db).await?;
    assert_eq!(count(&db, "accounts").await?, 1);
    assert_eq!(count(&db, RECORD).await?, PAYMENTS_MIGRATIONS);
    Ok(())
}

pub async fn down_leaves_only_an_empty_record_and_up_works_again(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    for _ in 0..2 {
        orders::up(&db).await?;
        assert_eq!(tables(&db).await?, ORDERS_TABLES);
        assert_eq!(count(&db, RECORD).await?, ORDERS_MIGRATIONS);
        orders::down(&db).await?;
        assert_eq!(tables(&db).await?, [RECORD]);
        assert_eq!(count(&db, RECORD).await?, 0);
    }
    Ok(())
}

pub async fn ten_concurrent_ups_migrate_once(database: TestDatabase) -> TestResult {
    start_together(&database).await?;
    // Once more as when a later version starts: the record is there already, so the first statement writes nothing.
    payments::down(&database.connect().await?).await?;
    start_together(&database).await
}

async fn start_together(database: &TestDatabase) -> TestResult {
    let connections = try_join_all((0..INSTANCES).map(|_| database.connect())).await?;
    let starts = connections.into_iter().map(|db| tokio::spawn(async move { payments::up(&db).await }));
    for outcome in try_join_all(starts).await? {
        outcome?;
    }
    let db = database.connect().await?;
    assert_eq!(tables(&db).await?, PAYMENTS_TABLES);
    assert_eq!(count(&db, RECORD).await?, PAYMENTS_MIGRATIONS);
    Ok(())
}

pub async fn an_up_that_fails_leaves_nothing_behind(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    // The last migration stumbles over a table that is already there.
    db.execute_unprepared("CREATE TABLE payments (id integer)").await?;
    payments::up(&db).await.expect_err("a table is in the way");
    assert_eq!(tables(&db).await?, ["payments"]);

    db.execute_unprepared("DROP TABLE payments").await?;
    payments::up(&db).await?;
    assert_eq!(tables(&db).await?, PAYMENTS_TABLES);
    Ok(())
}

pub async fn the_two_histories_refuse_to_share_a_database(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    orders::up(&db).await?;
    let error = payments::up(&db).await.expect_err("this is the orders database");
    assert!(error.to_string().contains("belongs to orders-svc"), "{error}");
    assert_eq!(tables(&db).await?, ORDERS_TABLES);
    Ok(())
}

pub async fn a_newer_schema_is_named_and_left_as_it_is(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    orders::up(&db).await?;
    db.execute_unprepared(&format!("INSERT INTO {RECORD} VALUES ('m20991231_000001_of_tomorrow', 0)")).await?;
    let error = orders::up(&db).await.expect_err("it was made by a newer program");
    assert!(error.to_string().contains("newer") && error.to_string().contains("of_tomorrow"), "{error}");
    Ok(())
}

pub async fn an_older_database_gets_the_identity_of_its_data(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    const BEFORE: u32 = 5;
    payments::Migrator::up(&db, Some(BEFORE)).await?;
    db.execute_unprepared("INSERT INTO accounts VALUES ('ann', 5, 1, 'EUR', 77), ('bob', 5, 1, 'EUR', 33)").await?;
    payments::up(&db).await?;
    let of_payments: String = one(&db, "SELECT service || ' ' || currency FROM identity".to_owned()).await?;
    assert_eq!(of_payments, "payments-svc EUR");
    assert_eq!(one::<i64>(&db, "SELECT created_at FROM identity".to_owned()).await?, 33);
    payments::down(&db).await?;

    orders::up(&db).await?;
    let of_orders: String = one(&db, "SELECT service FROM identity WHERE currency IS NULL".to_owned()).await?;
    assert_eq!(of_orders, "orders-svc");
    assert!(one::<i64>(&db, "SELECT created_at FROM identity".to_owned()).await? > 1_700_000_000_000_000);
    Ok(())
}

pub async fn no_two_databases_have_one_identity_and_none_has_two_rows(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    orders::up(&db).await?;
    let first: uuid::Uuid = one(&db, "SELECT database_id FROM identity".to_owned()).await?;
    let second =
        "INSERT INTO identity (id, service, database_id, created_at) SELECT 2, service, database_id, 0 FROM identity";
    db.execute_unprepared(second).await.expect_err("there is one row");
    orders::down(&db).await?;
    orders::up(&db).await?;
    assert_ne!(one::<uuid::Uuid>(&db, "SELECT database_id FROM identity".to_owned()).await?, first);
    Ok(())
}

#[cfg(feature = "servers")]
pub async fn tables_keep_room_for_hot_updates_and_the_outbox_is_vacuumed_early(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    orders::up(&db).await?;
    assert!(storage(&db, "orders").await?.contains("fillfactor=70"));
    assert!(storage(&db, "outbox").await?.contains("autovacuum_vacuum_threshold=5000"));
    orders::down(&db).await?;
    payments::up(&db).await?;
    assert!(storage(&db, "accounts").await?.contains("fillfactor=50"));
    Ok(())
}

async fn tables(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'",
        _ => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let mut names = rows.iter().map(|row| row.try_get("", "name")).collect::<Result<Vec<String>, _>>()?;
    names.sort();
    Ok(names)
}

async fn index_definition(db: &DatabaseConnection, index: &str) -> Result<String, DbErr> {
    match db.get_database_backend() {
        DbBackend::Postgres => one(db, format!("SELECT indexdef FROM pg_indexes WHERE indexname = '{index}'")).await,
        _ => one(db, format!("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = '{index}'")).await,
    }
}

async fn count(db: &DatabaseConnection, table: &str) -> Result<i64, DbErr> {
    one(db, format!("SELECT count(*) FROM {table}")).await
}

#[cfg(feature = "servers")]
async fn storage(db: &DatabaseConnection, table: &str) -> Result<String, DbErr> {
    one(db, format!("SELECT array_to_string(reloptions, ',') FROM pg_class WHERE oid = '{table}'::regclass")).await
}

async fn one<T: sea_orm::TryGetable>(db: &DatabaseConnection, sql: String) -> Result<T, DbErr> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("no row".to_owned()))?.try_get_by_index(0)
}
