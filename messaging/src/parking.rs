//! The parking lot: messages that could not be handled, kept with their error until a retry works or an operator decides.
//! Absent: the decision what is worth a retry (the consumer's) and the broker's own dead-letter queues.

use sea_orm::{DbErr, QueryResult};
use std::{str::FromStr, time::Duration};
use store::{Micros, Rows, Sql, Store, chance};
use uuid::Uuid;

/// Handlings of one message, the first included, before it is parked for an operator.
pub const MAX_ATTEMPTS: u32 = 6;
/// How long each retry waits: 1 s, 4 s, 16 s, 64 s, 256 s. Long enough to outlive a fault that passes, short enough for a shopper.
const RETRY_BASE: Duration = Duration::from_secs(1);
const RETRY_FACTOR: u32 = 4;
/// While a retry is under way no other instance takes it; after a crash another one may.
const RETRY_LEASE: Duration = Duration::from_secs(60);

/// What becomes of a message that was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is tried again by itself.
    Retrying,
    /// All attempts failed; an operator decides.
    Parked,
    /// It can never be handled (and the transport has no dead-letter queue of its own).
    Dead,
}

impl State {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retrying => "retrying",
            Self::Parked => "parked",
            Self::Dead => "dead",
        }
    }
}

impl FromStr for State {
    type Err = DbErr;

    fn from_str(word: &str) -> Result<Self, DbErr> {
        match word {
            "retrying" => Ok(Self::Retrying),
            "parked" => Ok(Self::Parked),
            "dead" => Ok(Self::Dead),
            other => Err(DbErr::Type(format!("{other:?} is no state of a parked message"))),
        }
    }
}

/// A message that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The row's id, by which an operator names it.
    pub id: Uuid,
    /// The queue that it came from.
    pub queue: String,
    /// The message's id, as far as it could be read.
    pub message_id: Option<String>,
    /// The message, byte for byte.
    pub body: Vec<u8>,
    /// Where it stands.
    pub state: State,
    /// How often it was handled in vain.
    pub attempts: u32,
    /// The last error.
    pub error: String,
    /// When it failed first.
    pub first_failed_at: Micros,
    /// When it is tried again, if it is by itself.
    pub next_attempt_at: Option<Micros>,
}

static SAVE: Sql = Sql::over(
    "id uuid, queue text, message_id text?, body hex, state text, attempts int, next_attempt_at text?, error text",
    "INSERT INTO parked (id, queue, message_id, body, state, attempts, next_attempt_at, error, first_failed_at, updated_at)
     SELECT id, queue, message_id, body, state, CAST(attempts AS integer), CAST(next_attempt_at AS bigint), error, {1}, {1} FROM {rows}",
);
// As with the outbox: nearly every look finds nothing.
static ANY_DUE: Sql =
    Sql::new("SELECT 1 AS due FROM parked WHERE state = 'retrying' AND queue = {2} AND next_attempt_at <= {1} LIMIT 1");
static DUE: Sql = Sql::new(
    "UPDATE parked SET next_attempt_at = {2} WHERE id IN
       (SELECT id FROM parked WHERE state = 'retrying' AND queue = {4} AND next_attempt_at <= {1} ORDER BY next_attempt_at LIMIT {3} {skip locked})
     RETURNING id, queue, message_id, body, state, attempts, error, first_failed_at, next_attempt_at",
);
static LIST: Sql = Sql::new(
    "SELECT id, queue, message_id, body, state, attempts, error, first_failed_at, next_attempt_at FROM parked ORDER BY first_failed_at, id LIMIT {1}",
);
static LATEST: Sql = Sql::new(
    "SELECT id, queue, message_id, body, state, attempts, error, first_failed_at, next_attempt_at FROM parked
     WHERE queue = {1} AND first_failed_at >= {2} ORDER BY first_failed_at DESC, id DESC LIMIT {3}",
);
static SHOW: Sql = Sql::new(
    "SELECT id, queue, message_id, body, state, attempts, error, first_failed_at, next_attempt_at FROM parked WHERE id = {1}",
);
static FAILED_AGAIN: Sql = Sql::new(
    "UPDATE parked SET state = {2}, attempts = attempts + 1, next_attempt_at = CASE {2} WHEN 'retrying' THEN {3} END, error = {4}, updated_at = {5}
     WHERE id = {1} AND state = 'retrying'",
);
static REPLAY: Sql = Sql::new(
    "UPDATE parked SET state = 'retrying', attempts = 0, next_attempt_at = {2}, updated_at = {2} WHERE id = {1} AND state <> 'retrying'",
);
static DISCARD: Sql = Sql::new("DELETE FROM parked WHERE id = {1}");
static COUNT: Sql = Sql::new("SELECT state, count(*) AS messages FROM parked GROUP BY state");

/// Sets a message aside after its first failure: for a retry, or for good when it is poison.
///
/// # Errors
/// The driver's.
pub async fn save(
    store: &Store,
    queue: &str,
    message_id: Option<String>,
    body: &[u8],
    state: State,
    error: &str,
    now: Micros,
) -> Result<(), DbErr> {
    let next = (state == State::Retrying).then(|| now.plus(retry_delay(1)).0.to_string());
    let rows = Rows::new()
        .uuids([chance::id()])
        .texts([queue])
        .opt_texts([message_id])
        .bytes([body])
        .texts([state.as_str()])
        .ints([1])
        .opt_texts([next])
        .texts([storable(error)]);
    let tx = store.begin().await?;
    SAVE.execute(&tx, rows, vec![now.0.into()]).await?;
    failpoints::point!("parking::before-save", return Err(store::planted()));
    tx.commit().await?;
    failpoints::point!("parking::after-save", return Err(store::planted()));
    Ok(())
}

/// PostgreSQL's texts cannot hold NUL, and an error may quote a hostile message.
fn storable(error: &str) -> String {
    error.replace('\0', "\u{fffd}")
}

fn retry_delay(attempts: u32) -> Duration {
    RETRY_BASE.saturating_mul(RETRY_FACTOR.saturating_pow(attempts.saturating_sub(1)))
}

/// Takes up to `limit` messages whose retry is due.
///
/// # Errors
/// The driver's.
pub async fn due(store: &Store, queue: &str, now: Micros, limit: u32) -> Result<Vec<Parked>, DbErr> {
    if ANY_DUE.query(store.connection(), Rows::new(), vec![now.0.into(), queue.into()]).await?.is_empty() {
        return Ok(Vec::new());
    }
    let lease = failpoints::instead_of("parking::lease", RETRY_LEASE);
    let tx = store.begin().await?;
    let values = vec![now.0.into(), now.plus(lease).0.into(), i64::from(limit).into(), queue.into()];
    let rows = DUE.query(&tx, Rows::new(), values).await?;
    let found = !rows.is_empty();
    failpoints::point!("parking::before-retry", found, return Err(store::planted()));
    tx.commit().await?;
    failpoints::point!("parking::after-retry", found, return Err(store::planted()));
    rows.iter().map(parked).collect()
}

/// Records that a retry failed too: the next one is put off further, or the message is parked.
///
/// # Errors
/// The driver's.
pub async fn failed_again(store: &Store, message: &Parked, error: &str, now: Micros) -> Result<State, DbErr> {
    let attempts = message.attempts + 1;
    let state = if attempts < MAX_ATTEMPTS { State::Retrying } else { State::Parked };
    let next = now.plus(retry_delay(attempts));
    record(store, message, state, next, error, now).await?;
    Ok(state)
}

/// Parks a message at once that was tried again: nothing but an operator can help it.
///
/// # Errors
/// The driver's.
pub async fn park(store: &Store, message: &Parked, error: &str, now: Micros) -> Result<(), DbErr> {
    record(store, message, State::Parked, now, error, now).await
}

async fn record(
    store: &Store,
    message: &Parked,
    state: State,
    next: Micros,
    error: &str,
    now: Micros,
) -> Result<(), DbErr> {
    let values = vec![message.id.into(), state.as_str().into(), next.0.into(), storable(error).into(), now.0.into()];
    write(store, &FAILED_AGAIN, values).await.map(drop)
}

/// The messages set aside, oldest first.
///
/// # Errors
/// The driver's.
pub async fn list(store: &Store, limit: u32) -> Result<Vec<Parked>, DbErr> {
    LIST.query(store.connection(), Rows::new(), vec![i64::from(limit).into()]).await?.iter().map(parked).collect()
}

/// The messages of a queue that were set aside at that time or later, latest first.
///
/// # Errors
/// The driver's.
pub async fn latest(store: &Store, queue: &str, since: Micros, limit: u32) -> Result<Vec<Parked>, DbErr> {
    let values = vec![queue.into(), since.0.into(), i64::from(limit).into()];
    LATEST.query(store.connection(), Rows::new(), values).await?.iter().map(parked).collect()
}

/// One message set aside.
///
/// # Errors
/// The driver's.
pub async fn show(store: &Store, id: Uuid) -> Result<Option<Parked>, DbErr> {
    SHOW.query(store.connection(), Rows::new(), vec![id.into()]).await?.first().map(parked).transpose()
}

/// Has a parked or dead message tried again from the beginning, at once. `false` when there is none, or it is being retried anyway.
///
/// # Errors
/// The driver's.
pub async fn replay(store: &Store, id: Uuid, now: Micros) -> Result<bool, DbErr> {
    Ok(write(store, &REPLAY, vec![id.into(), now.0.into()]).await? > 0)
}

/// Takes a message out for good: it was handled, or an operator says so. `false` when there is none.
///
/// # Errors
/// The driver's.
pub async fn discard(store: &Store, id: Uuid) -> Result<bool, DbErr> {
    Ok(write(store, &DISCARD, vec![id.into()]).await? > 0)
}

/// How many messages are set aside, by state.
///
/// # Errors
/// The driver's.
pub async fn count(store: &Store) -> Result<Vec<(State, i64)>, DbErr> {
    let rows = COUNT.query(store.connection(), Rows::new(), Vec::new()).await?;
    rows.iter().map(|row| Ok((row.try_get::<String>("", "state")?.parse()?, row.try_get("", "messages")?))).collect()
}

async fn write(store: &Store, sql: &Sql, values: Vec<sea_orm::Value>) -> Result<u64, DbErr> {
    let tx = store.begin().await?;
    let changed = sql.execute(&tx, Rows::new(), values).await?;
    failpoints::point!("parking::before-record", return Err(store::planted()));
    tx.commit().await?;
    failpoints::point!("parking::after-record", return Err(store::planted()));
    Ok(changed)
}

fn parked(row: &QueryResult) -> Result<Parked, DbErr> {
    Ok(Parked {
        id: row.try_get("", "id")?,
        queue: row.try_get("", "queue")?,
        message_id: row.try_get("", "message_id")?,
        body: row.try_get("", "body")?,
        state: row.try_get::<String>("", "state")?.parse()?,
        attempts: u32::try_from(row.try_get::<i32>("", "attempts")?).unwrap_or(u32::MAX),
        error: row.try_get("", "error")?,
        first_failed_at: Micros(row.try_get("", "first_failed_at")?),
        next_attempt_at: row.try_get::<Option<i64>>("", "next_attempt_at")?.map(Micros),
    })
}
