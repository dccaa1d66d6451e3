//! How far all orders are done with: where to begin looking for the few that are not.
//! Absent: an index on the status, which every settlement would have to maintain.
//!
//! A final order never becomes NEW again, and ids are in the order of time. So everything before some id, the frontier, is done with
//! for good, and each look begins there: an instance reads an order's row once, not once every few seconds.

use sea_orm::{DbErr, QueryResult};
use store::{Rows, Sql, Store};
use uuid::Uuid;

/// Rows of one statement: milliseconds.
pub(crate) const PART: i64 = 20_000;
/// Statements of one look. With an old database a new process catches up at some 200,000 orders a second.
const MOST_PARTS: u32 = 50;

/// The statement of a [`Frontier`], with the condition under which an order is open: its first open order or, when all of the part is
/// done with, its last order.
macro_rules! look {
    ($open:literal) => {
        store::Sql::new(concat!(
            "WITH part AS (SELECT id, created_at, CASE WHEN ",
            $open,
            " THEN 1 ELSE 0 END AS open FROM orders WHERE id >= {1} AND id < {2} ORDER BY id LIMIT {3})
             SELECT id, created_at, open FROM part
             WHERE open = 1 OR id = (SELECT id FROM part ORDER BY id DESC LIMIT 1) ORDER BY id LIMIT 1"
        ))
    };
}
pub(crate) use look;

/// What a look for the first open order comes to.
#[derive(Debug)]
pub(crate) enum FirstOpen {
    /// This one.
    Order(QueryResult),
    /// There is none.
    None,
    /// There is more to walk past than one look does.
    NotYet,
}

/// The place before which no order is open.
#[derive(Clone, Debug)]
pub(crate) struct Frontier {
    look: &'static Sql,
    at: Uuid,
}

impl Frontier {
    /// Begins with the very first order.
    pub fn new(look: &'static Sql) -> Self {
        Self { look, at: Uuid::nil() }
    }

    /// No order before this one is open.
    pub fn at(&self) -> Uuid {
        self.at
    }

    /// The first order that is open and before `end`, with `id` and `created_at`. Orders before `end` must be committed by now.
    ///
    /// # Errors
    /// The driver's.
    pub async fn first_open(&mut self, store: &Store, end: Uuid) -> Result<FirstOpen, DbErr> {
        for _ in 0..MOST_PARTS {
            let values = vec![self.at.into(), end.into(), PART.into()];
            let mut rows = self.look.query(store.connection(), Rows::new(), values).await?;
            let Some(row) = rows.pop() else { return Ok(FirstOpen::None) };
            let before = std::mem::replace(&mut self.at, row.try_get("", "id")?);
            if row.try_get::<i32>("", "open")? == 1 {
                return Ok(FirstOpen::Order(row));
            }
            if before == self.at {
                return Ok(FirstOpen::None);
            }
        }
        Ok(FirstOpen::NotYet)
    }
}
