//! The outbox table: messages that are decided and not yet known to be safe with the broker.
//! Absent: publishing (the relay does that) and any mark "sent"; a row that is confirmed is deleted.
//!
//! A row's lease says until when its sender may be expected to publish it from memory. A row whose lease is over has outlived its
//! sender, or never had one (the broker was away); the sweep takes it.

use crate::Letter;
use saga::messages::{Payload, routing_key};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult};
use std::{ops::Range, time::Duration};
use store::{Micros, Part, Rows, Sql, Store};
use uuid::Uuid;

/// Writes letters.
pub static APPEND: Sql = Sql::over(
    "id uuid, routing_key text, partition_key text, body text",
    "INSERT INTO outbox (id, routing_key, partition_key, body, lease_until, created_at)
     SELECT id, routing_key, partition_key, body, {1}, {2} FROM {rows}",
);
static DELETE: Sql = Sql::over("id uuid", "DELETE FROM outbox WHERE id {any id}");
// A deletion that a crash undoes only has a message published once more, so it need not wait for the disk.
static DELETE_LAZILY: Sql = Sql::over(
    "id uuid",
    "DELETE FROM outbox WHERE id {any id} AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL",
);
static RELEASE: Sql = Sql::over("id uuid", "UPDATE outbox SET lease_until = 0 WHERE id {any id}");
static RELEASE_ALL: Sql = Sql::new("UPDATE outbox SET lease_until = 0 WHERE lease_until <> 0");
// Nearly every look finds nothing. This one costs neither a transaction nor, on SQLite, its only writer.
static ANY_FREE: Sql = Sql::new("SELECT 1 AS free FROM outbox WHERE lease_until <= {1} LIMIT 1");
static CLAIM: Sql = Sql::new(
    "UPDATE outbox SET lease_until = {2} WHERE id IN
       (SELECT id FROM outbox WHERE lease_until <= {1} ORDER BY id LIMIT {3} {skip locked})
     RETURNING id, routing_key, partition_key, body",
);
static FIND: Sql = Sql::new(
    "SELECT lease_until FROM outbox
     WHERE id >= {1} AND id < {2} AND routing_key = {3} AND partition_key = {4} AND body LIKE {5} LIMIT 1",
);
static DEPTH: Sql = Sql::new("SELECT count(*) AS depth, min(created_at) AS oldest FROM outbox");

/// What [`APPEND`] has to write for these letters, if anything.
pub fn rows(letters: &[Letter], lease_until: Micros, now: Micros) -> Option<Part> {
    let rows = || {
        Rows::new()
            .uuids(letters.iter().map(|letter| letter.id))
            .texts(letters.iter().map(|letter| letter.routing_key.as_str()))
            .texts(letters.iter().map(|letter| letter.partition_key.as_str()))
            .texts(letters.iter().map(|letter| letter.body.as_str()))
    };
    (!letters.is_empty()).then(|| Part { rows: rows(), values: vec![lease_until.0.into(), now.0.into()] })
}

/// Writes the letters, in the caller's transaction.
///
/// # Errors
/// The driver's.
pub async fn append<C: ConnectionTrait>(
    tx: &C,
    letters: &[Letter],
    lease_until: Micros,
    now: Micros,
) -> Result<(), DbErr> {
    match rows(letters, lease_until, now) {
        Some(Part { rows, values }) => APPEND.execute(tx, rows, values).await.map(drop),
        None => Ok(()),
    }
}

/// Deletes rows that are confirmed. Ids that are gone already do no harm.
///
/// # Errors
/// The driver's.
pub async fn delete(store: &Store, ids: impl IntoIterator<Item = Uuid>) -> Result<u64, DbErr> {
    let sql = if store.backend() == DbBackend::Postgres { &DELETE_LAZILY } else { &DELETE };
    failpoints::point!("outbox::before-delete", return Err(store::planted()));
    let deleted = write(store, sql, Rows::new().uuids(ids)).await?;
    failpoints::point!("outbox::after-delete", return Err(store::planted()));
    Ok(deleted)
}

/// Ends the lease of rows that could not be published, so that the next sweep takes them.
///
/// # Errors
/// The driver's.
pub async fn release(store: &Store, ids: impl IntoIterator<Item = Uuid>) -> Result<u64, DbErr> {
    failpoints::point!("outbox::before-release", return Err(store::planted()));
    let released = write(store, &RELEASE, Rows::new().uuids(ids)).await?;
    failpoints::point!("outbox::after-release", return Err(store::planted()));
    Ok(released)
}

/// Ends all leases. Only for a process that is the database's only user, at its start.
///
/// # Errors
/// The driver's.
pub async fn release_all(store: &Store) -> Result<u64, DbErr> {
    write(store, &RELEASE_ALL, Rows::new()).await
}

/// One statement. PostgreSQL needs no transaction around it, which saves two trips; on SQLite it is committed with what else waits.
async fn write(store: &Store, sql: &Sql, rows: Rows) -> Result<u64, DbErr> {
    if store.backend() == DbBackend::Postgres {
        return sql.execute(store.connection(), rows, Vec::new()).await;
    }
    let tx = store.begin().await?;
    let changed = sql.execute(&tx, rows, Vec::new()).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Takes up to `limit` rows whose lease is over, oldest first, for `lease`. Two sweepers never get the same row.
///
/// # Errors
/// The driver's.
pub async fn claim(store: &Store, now: Micros, lease: Duration, limit: u32) -> Result<Vec<Letter>, DbErr> {
    if ANY_FREE.query(store.connection(), Rows::new(), vec![now.0.into()]).await?.is_empty() {
        return Ok(Vec::new());
    }
    let tx = store.begin().await?;
    let values = vec![now.0.into(), now.plus(lease).0.into(), i64::from(limit).into()];
    let rows = CLAIM.query(&tx, Rows::new(), values).await?;
    let found = !rows.is_empty();
    failpoints::point!("outbox::before-claim", found, return Err(store::planted()));
    tx.commit().await?;
    failpoints::point!("outbox::after-claim", found, return Err(store::planted()));
    let mut letters = rows.iter().map(letter).collect::<Result<Vec<_>, _>>()?;
    // No database promises an order of what RETURNING gives.
    letters.sort_unstable_by_key(|letter| letter.id);
    Ok(letters)
}

fn letter(row: &QueryResult) -> Result<Letter, DbErr> {
    Ok(Letter {
        id: row.try_get("", "id")?,
        routing_key: row.try_get("", "routing_key")?,
        partition_key: row.try_get("", "partition_key")?,
        body: row.try_get("", "body")?,
        span: None,
    })
}

/// Frees the room of deleted rows. PostgreSQL's own vacuum comes once a minute at best; by then a busy outbox is a hundred
/// megabytes of dead rows, which every look at it walks past. Only the table's owner may. On SQLite there is nothing to do: it reuses
/// room at once.
///
/// # Errors
/// The driver's.
pub async fn vacuum(store: &Store) -> Result<(), DbErr> {
    if store.backend() != DbBackend::Postgres {
        return Ok(());
    }
    // Giving pages back to the disk would lock out everybody.
    store.connection().execute_unprepared("VACUUM (TRUNCATE false) outbox").await.map(drop)
}

/// Until when the letter of this type about this order is its sender's; `None` when there is none any more: the broker has it. `ids`
/// bounds the search, for there is no index by order.
///
/// # Errors
/// The driver's.
pub async fn lease_of<P: Payload>(store: &Store, payload: &P, ids: Range<Uuid>) -> Result<Option<Micros>, DbErr> {
    let values = vec![
        ids.start.into(),
        ids.end.into(),
        routing_key(P::TYPE).into(),
        payload.user_id().as_str().into(),
        format!("%{}%", payload.order_id()).into(),
    ];
    let rows = FIND.query(store.connection(), Rows::new(), values).await?;
    rows.first().map(|row| row.try_get("", "lease_until").map(Micros)).transpose()
}

/// How many messages wait, and since when the oldest does.
///
/// # Errors
/// The driver's.
pub async fn depth(store: &Store) -> Result<(i64, Option<Micros>), DbErr> {
    let rows = DEPTH.query(store.connection(), Rows::new(), Vec::new()).await?;
    let row = rows.first().ok_or_else(|| DbErr::RecordNotFound("count(*)".to_owned()))?;
    Ok((row.try_get("", "depth")?, row.try_get::<Option<i64>>("", "oldest")?.map(Micros)))
}
