//! The messages in the parking lot of one database. Absent: their table (messaging has it).

use super::{Act, Done, Message, What, Which};
use crate::databases::{Database, DatabaseError};
use messaging::parking::{self, Parked, State};
use sea_orm::DbErr;
use store::{Clock, Store};
use uuid::Uuid;

/// Messages looked at in one go: 4 KiB each as a rule, so 40 MB.
const MOST_LISTED: u32 = 10_000;

pub(super) async fn list(database: Database, store: &Store) -> Result<Vec<Message>, DatabaseError> {
    let parked = parking::list(store, MOST_LISTED).await.map_err(|error| DatabaseError { database, error })?;
    Ok(parked.into_iter().map(|parked| message(database, parked)).collect())
}

pub(super) async fn find(database: Database, store: &Store, id: &str) -> Result<Option<Message>, DatabaseError> {
    let Ok(id) = Uuid::try_parse(id) else { return Ok(None) };
    let parked = parking::show(store, id).await.map_err(|error| DatabaseError { database, error })?;
    Ok(parked.map(|parked| message(database, parked)))
}

pub(super) async fn act(
    database: Database,
    store: &Store,
    act: Act,
    which: &Which,
    clock: &Clock,
) -> Result<Vec<Done>, DatabaseError> {
    let done = match which {
        Which::All => all(store, act, clock).await,
        Which::These(ids) => these(store, act, ids, clock).await,
    };
    let done = done.map_err(|error| DatabaseError { database, error })?;
    Ok(done.into_iter().map(|(id, what)| Done { id, place: database.as_str(), what }).collect())
}

async fn these(store: &Store, act: Act, ids: &[String], clock: &Clock) -> Result<Vec<(String, What)>, DbErr> {
    let mut done = Vec::new();
    for word in ids {
        // The broker's letters have ids of other kinds.
        let Ok(id) = Uuid::try_parse(word) else { continue };
        if let Some(what) = one(store, act, id, clock).await? {
            done.push((word.clone(), what));
        }
    }
    Ok(done)
}

/// `None` when there is no such message.
async fn one(store: &Store, act: Act, id: Uuid, clock: &Clock) -> Result<Option<What>, DbErr> {
    let there = match act {
        Act::Discard => parking::discard(store, id).await?,
        Act::Replay => parking::replay(store, id, clock.now()).await?,
    };
    if there {
        return Ok(Some(act.done()));
    }
    // Not changed is also what a message is that retries by itself.
    Ok(parking::show(store, id).await?.map(|_| What::LeftAlone))
}

/// Page after page, until a page shows nothing to do.
async fn all(store: &Store, act: Act, clock: &Clock) -> Result<Vec<(String, What)>, DbErr> {
    let mut done = Vec::new();
    loop {
        let waiting =
            parking::list(store, MOST_LISTED).await?.into_iter().filter(|parked| parked.state != State::Retrying);
        let before = done.len();
        for parked in waiting {
            if let Some(what) = one(store, act, parked.id, clock).await? {
                done.push((parked.id.to_string(), what));
            }
        }
        if done.len() == before {
            return Ok(done);
        }
    }
}

fn message(database: Database, parked: Parked) -> Message {
    Message {
        id: parked.id.to_string(),
        place: database.as_str(),
        queue: parked.queue,
        state: parked.state.as_str(),
        attempts: Some(parked.attempts),
        since: Some(parked.first_failed_at),
        error: parked.error,
        message_id: parked.message_id,
        body: parked.body,
    }
}
