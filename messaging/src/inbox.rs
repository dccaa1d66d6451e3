//! The inbox table: the ids of the messages that were handled, written in the transaction that handles them.
//! Absent: the messages themselves.

use sea_orm::DbErr;
use std::{collections::BTreeSet, time::Duration};
use store::{Micros, Part, Rows, Sql, Store, chance};
use uuid::Uuid;

/// Keys deleted in one step of the cleaning: a few milliseconds' work, so that it never stands in the way.
pub const CLEAN_STEP: u32 = 2_000;

/// Writes keys; one that is there already stays as it is, and one that another instance is writing right now is waited for.
pub static REMEMBER: Sql = Sql::over(
    "message_id uuid",
    "INSERT INTO inbox (message_id, handled_at) SELECT message_id, {1} FROM {rows} WHERE true
     ON CONFLICT (message_id) DO NOTHING",
);
// Message ids are UUIDv7, so the oldest keys come first in the primary key and no index on the time is needed. A foreign id that
// does not begin with its time is found out by handled_at and stays until the scan comes past it.
static CLEAN: Sql = Sql::new(
    "DELETE FROM inbox WHERE message_id IN
       (SELECT message_id FROM (SELECT message_id, handled_at FROM inbox ORDER BY message_id LIMIT {2}) AS oldest WHERE handled_at < {1})",
);

static TRY: Sql = Sql::new("INSERT INTO inbox (message_id, handled_at) VALUES ({1}, {2})");
static TAKE_BACK: Sql = Sql::new("DELETE FROM inbox WHERE message_id = {1}");

/// What [`REMEMBER`] has to write for these messages, if anything.
pub fn keys(ids: impl IntoIterator<Item = Uuid>, now: Micros) -> Option<Part> {
    // In one order everywhere: two instances with the same keys wait for each other instead of locking each other out.
    let sorted: BTreeSet<_> = ids.into_iter().collect();
    (!sorted.is_empty()).then(|| Part { rows: Rows::new().uuids(sorted), values: vec![now.0.into()] })
}

/// Writes a key, takes it back and commits both: a database that does that takes messages, too. One that is read-only or whose disk is
/// full may well begin a transaction, and delete what is not there.
///
/// # Errors
/// The driver's.
pub async fn try_write(store: &Store, now: Micros) -> Result<(), DbErr> {
    let (tx, id) = (store.begin().await?, chance::id());
    TRY.execute(&tx, Rows::new(), vec![id.into(), now.0.into()]).await?;
    TAKE_BACK.execute(&tx, Rows::new(), vec![id.into()]).await?;
    tx.commit().await
}

/// Deletes the oldest keys that are older than `keep`, at most [`CLEAN_STEP`]; returns how many.
///
/// # Errors
/// The driver's.
pub async fn clean_step(store: &Store, now: Micros, keep: Duration) -> Result<u64, DbErr> {
    let tx = store.begin().await?;
    let values = vec![now.minus(keep).0.into(), i64::from(CLEAN_STEP).into()];
    let deleted = CLEAN.execute(&tx, Rows::new(), values).await?;
    failpoints::point!("inbox::before-clean", return Err(store::planted()));
    tx.commit().await?;
    failpoints::point!("inbox::after-clean", return Err(store::planted()));
    Ok(deleted)
}
