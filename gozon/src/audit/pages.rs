//! A table read page by page in the order of order ids, with a look at the next row. Memory holds one page, whatever the table.
//! Absent: OFFSET, which would read everything before the page again.

use super::Snapshot;
use crate::databases::DatabaseError;
use sea_orm::{DbErr, QueryResult};
use std::collections::VecDeque;
use store::Sql;
use uuid::Uuid;

/// Rows of a page: a few megabytes, and enough that the round trip is nothing beside them.
pub(super) const PAGE: u32 = 10_000;

/// The statements of a table: its first page, and the one after an id.
pub(super) struct Paged {
    pub first: Sql,
    pub next: Sql,
}

/// Writes a [`Paged`] from what comes before the condition on the key, the key, and what comes after it. One statement for both
/// with an id "before all" is not to be had: the smallest UUID is one that a forged message may have.
macro_rules! paged {
    ($select:expr, $key:literal, $group:literal) => {
        Paged {
            first: Sql::new(concat!(
                $select,
                " WHERE ",
                $key,
                " IS NOT NULL ",
                $group,
                " ORDER BY ",
                $key,
                " LIMIT {1}"
            )),
            next: Sql::new(concat!($select, " WHERE ", $key, " > {2} ", $group, " ORDER BY ", $key, " LIMIT {1}")),
        }
    };
}
pub(super) use paged;

/// A row that is about an order.
pub(super) trait AboutOrder: Sized {
    /// How it is read.
    const PAGED: &'static Paged;

    fn read(row: &QueryResult) -> Result<Self, DbErr>;
    fn order_id(&self) -> Uuid;
}

/// The rows of one table, in order.
pub(super) struct Pages<'a, T> {
    snapshot: &'a Snapshot,
    ahead: VecDeque<T>,
    last: Option<Uuid>,
    ended: bool,
}

impl<'a, T: AboutOrder> Pages<'a, T> {
    pub fn of(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, ahead: VecDeque::new(), last: None, ended: false }
    }

    /// The next row's order; `None` at the end.
    pub async fn peek(&mut self) -> Result<Option<Uuid>, DatabaseError> {
        if self.ahead.is_empty() && !self.ended {
            self.turn().await?;
        }
        Ok(self.ahead.front().map(T::order_id))
    }

    /// The next row, if it is about this order.
    pub fn take(&mut self, order: Uuid) -> Option<T> {
        if self.ahead.front()?.order_id() == order { self.ahead.pop_front() } else { None }
    }

    async fn turn(&mut self) -> Result<(), DatabaseError> {
        let limit = i64::from(PAGE).into();
        let page = match self.last {
            None => self.snapshot.read(&T::PAGED.first, vec![limit], T::read).await?,
            Some(last) => self.snapshot.read(&T::PAGED.next, vec![limit, last.into()], T::read).await?,
        };
        self.last = page.last().map(T::order_id);
        self.ended = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        self.ahead = page.into();
        Ok(())
    }
}
