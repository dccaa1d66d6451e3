//! The messages that nobody handles any more: looking at them, having them tried again, throwing them away.
//! Absent: any decision; an operator makes it, by id.

mod broker;
mod parked;
mod print;

pub use broker::Broker;
pub use print::{list, list_json, outcome, show};

use crate::databases::{DatabaseError, Databases};
use serde::{Serialize, Serializer};
use store::{Clock, Micros};

/// Everywhere a message may lie.
#[derive(Debug)]
pub struct Places {
    /// The parking lots.
    pub databases: Databases,
    /// The dead-letter queues.
    pub broker: Option<Broker>,
    /// The time from which a replayed message is due.
    pub clock: Clock,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DeadError {
    /// A database gave none.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The broker gave none.
    #[error("the broker cannot be reached")]
    Broker,
}

/// A message that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// By which an operator names it.
    pub id: String,
    /// `orders` or `payments` for a database, `broker` for a dead-letter queue.
    #[serde(rename = "where")]
    pub place: &'static str,
    /// The queue that it came from.
    pub queue: String,
    /// `retrying`, `parked` or `dead`.
    pub state: &'static str,
    /// How often it was handled in vain, where that was counted.
    pub attempts: Option<u32>,
    /// When it failed first, where that was written down.
    #[serde(serialize_with = "rfc_3339")]
    pub since: Option<Micros>,
    /// The last error.
    pub error: String,
    /// Its own id, as far as it could be read.
    pub message_id: Option<String>,
    /// The message, byte for byte.
    #[serde(skip)]
    pub body: Vec<u8>,
}

fn rfc_3339<S: Serializer>(time: &Option<Micros>, to: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(to)
}

/// What an operator wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Handled again, from the beginning.
    Replay,
    /// Thrown away.
    Discard,
}

/// With which messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that wait for an operator; those that are being retried by themselves do not.
    All,
    /// Those of the list with these ids.
    These(Vec<String>),
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The message.
    pub id: String,
    /// Where it lay.
    pub place: &'static str,
    /// What was done.
    pub what: What,
}

/// What was done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It will be handled again.
    Replayed,
    /// It is gone.
    Discarded,
    /// Nothing: it is being retried by itself.
    LeftAlone,
}

/// All that was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Message by message.
    pub done: Vec<Done>,
    /// Ids that name no message.
    pub unknown: Vec<String>,
}

impl Places {
    /// All messages: orders', then payments', then the broker's, each oldest first.
    ///
    /// # Errors
    /// [`DeadError`] when one of the places gives no answer.
    pub async fn list(&self) -> Result<Vec<Message>, DeadError> {
        let mut messages = Vec::new();
        for (database, store) in self.databases.both() {
            messages.extend(parked::list(database, store).await?);
        }
        if let Some(broker) = &self.broker {
            messages.extend(broker.list().await?);
        }
        Ok(messages)
    }

    /// The messages with this id. It may lie in several queues of the broker.
    ///
    /// # Errors
    /// [`DeadError`] when one of the places gives no answer.
    pub async fn show(&self, id: &str) -> Result<Vec<Message>, DeadError> {
        let mut messages = Vec::new();
        for (database, store) in self.databases.both() {
            messages.extend(parked::find(database, store, id).await?);
        }
        if let Some(broker) = &self.broker {
            messages.extend(broker.list().await?.into_iter().filter(|message| message.id == id));
        }
        Ok(messages)
    }

    /// Does it.
    ///
    /// # Errors
    /// [`DeadError`] when one of the places gives no answer; what was done until then stays done.
    pub async fn act(&self, act: Act, which: &Which) -> Result<Outcome, DeadError> {
        let mut outcome = Outcome::default();
        if let Some(broker) = &self.broker {
            // First of all: what was done in a database could not be told if the broker then gave no answer.
            broker.ready().await?;
        }
        for (database, store) in self.databases.both() {
            outcome.done.extend(parked::act(database, store, act, which, &self.clock).await?);
        }
        if let Some(broker) = &self.broker {
            outcome.done.extend(broker.act(act, which).await?);
        }
        if let Which::These(ids) = which {
            let known = |id: &&String| outcome.done.iter().any(|done| done.id == **id);
            outcome.unknown = ids.iter().filter(|id| !known(id)).cloned().collect();
        }
        Ok(outcome)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.databases.close().await;
        if let Some(broker) = &self.broker {
            broker.close().await;
        }
    }
}

impl Act {
    const fn done(self) -> What {
        match self {
            Self::Replay => What::Replayed,
            Self::Discard => What::Discarded,
        }
    }
}

impl Which {
    fn names(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.iter().any(|named| named == id),
        }
    }
}
