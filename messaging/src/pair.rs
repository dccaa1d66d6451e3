//! Which two databases belong together: every event says which database it is from and, as soon as that is known, for which one.
//! Whoever is not the partner decides nothing.
//! Absent: making and changing pairs by hand (the command `gozon pair`).
//!
//! A database learns its partner once: payments from the first request that it answers, orders from the first answer to an order of its
//! own. From then on everybody else's events are set aside undecided.

use crate::Event;
use sea_orm::DbErr;
use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};
use store::{Rows, Sql, Store};
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

static READ: Sql = Sql::new("SELECT database_id, partner_id FROM identity");
static LEARN: Sql = Sql::new("UPDATE identity SET partner_id = {1} WHERE partner_id IS NULL");

/// The two ends of what a database sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// This database's identity, once it was read.
    pub origin: Option<Uuid>,
    /// Its partner's, once it is known.
    pub peer: Option<Uuid>,
}

/// What a service knows of its pair. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Pair(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    ends: RwLock<Ends>,
    /// Why nothing may be taken from the broker.
    misplaced: watch::Sender<Option<String>>,
    /// Events of other shops, since the start.
    strangers: AtomicU64,
    /// Held by whoever asks the database: many messages come at once, and one of them is enough.
    learning: Mutex<()>,
}

/// Whose an event is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The partner's; also when it does not say so.
    Ours,
    /// Perhaps the partner's: none is known yet.
    Newcomer(Uuid),
    /// Another shop's.
    Another(String),
    /// Of a pair that this database has no part in, while it has no partner itself: it is presumably not the one that was meant.
    Elsewhere(String),
}

impl Pair {
    /// Reads both ends from the database, whether or not its door is open.
    ///
    /// # Errors
    /// The driver's.
    pub async fn read(&self, store: &Store) -> Result<(), DbErr> {
        let rows = READ.query(store.pool(), Rows::new(), Vec::new()).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let ends = Ends { origin: Some(row.try_get("", "database_id")?), peer: row.try_get("", "partner_id")? };
        if ends.peer.is_some() {
            self.0.misplaced.send_replace(None);
        }
        *self.0.ends.write().unwrap_or_else(PoisonError::into_inner) = ends;
        Ok(())
    }

    /// Both ends of what is sent from here.
    pub fn ends(&self) -> Ends {
        *self.0.ends.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose an event is.
    pub fn whose(&self, event: &Event) -> Whose {
        let Ends { origin: own, peer: partner } = self.ends();
        let Some(own) = own else { return Whose::Ours };
        let Ends { origin, peer } = event.ends;
        match (partner, origin, peer.filter(|peer| *peer != own)) {
            (None, _, Some(meant)) => Whose::Elsewhere(format!(
                "messages at the broker are for the database {meant} and this one is {own}: is it the right one? See gozon pair"
            )),
            (Some(_), _, Some(meant)) => {
                Whose::Another(format!("it is for the database {meant}, and this one is {own}"))
            }
            (Some(partner), Some(origin), None) if origin != partner => {
                Whose::Another(format!("it is from the database {origin}, and the partner is {partner}"))
            }
            (None, Some(origin), None) => Whose::Newcomer(origin),
            (_, _, None) => Whose::Ours,
        }
    }

    /// Remembers the partner unless there is one; whether it is this one afterwards.
    ///
    /// # Errors
    /// The driver's.
    pub async fn learn(&self, store: &Store, partner: Uuid) -> Result<bool, DbErr> {
        let _alone = self.0.learning.lock().await;
        if let Some(known) = self.ends().peer {
            return Ok(known == partner);
        }
        let tx = store.begin().await?;
        LEARN.execute(&tx, Rows::new(), vec![partner.into()]).await?;
        let rows = READ.query(&tx, Rows::new(), Vec::new()).await?;
        let known: Option<Uuid> = rows.first().map(|row| row.try_get("", "partner_id")).transpose()?.flatten();
        tx.commit().await?;
        let mut ends = self.0.ends.write().unwrap_or_else(PoisonError::into_inner);
        if ends.peer != known {
            ends.peer = known;
            tracing::info!(partner = known.map(tracing::field::display), "the database of the other service is known");
        }
        Ok(known == Some(partner))
    }

    /// Takes nothing more from the broker, for this reason.
    pub(crate) fn misplaced(&self, why: String) {
        let news = self.0.misplaced.send_if_modified(|known| {
            let news = known.is_none();
            known.get_or_insert(why.clone());
            news
        });
        if news {
            tracing::warn!("no message is taken: {why}");
        }
    }

    /// Waits until messages may not, or may again, be taken from the broker.
    pub(crate) async fn is_misplaced(&self, whether: bool) {
        // It cannot fail: the sender is here.
        drop(self.0.misplaced.subscribe().wait_for(|known| known.is_some() == whether).await);
    }

    /// Counts an event of another shop, which nobody here decides about; the first one is a warning in the log.
    pub fn met_a_stranger(&self, queue: &str, why: &str) {
        if self.0.strangers.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(queue, "another shop is on this broker: {why}");
        } else {
            tracing::debug!(queue, "a message of another shop: {why}");
        }
    }

    /// Whether messages may be taken, and how many events of other shops came since the start.
    ///
    /// # Errors
    /// Why none may.
    pub fn health(&self) -> Result<u64, String> {
        match &*self.0.misplaced.borrow() {
            Some(why) => Err(why.clone()),
            None => Ok(self.0.strangers.load(Ordering::Relaxed)),
        }
    }
}
