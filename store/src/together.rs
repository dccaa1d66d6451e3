//! Several writes of one transaction in one trip to the database, or the whole transaction in one.
//! Absent: writes that depend on each other; each sees the tables as they were before all of them.

use crate::{Rows, Sql, Store, fault};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use std::sync::OnceLock;

/// As many tables as any unit of work writes to. There is a text for each selection of parts.
const MOST: usize = 7;

/// Statements that are run as one on PostgreSQL, where every trip costs two changes of process, and one after the other on SQLite,
/// where a trip costs nothing.
#[derive(Debug)]
pub struct Together<const N: usize> {
    parts: [&'static Sql; N],
    /// The part that has to change as many rows as it is given.
    exact: Option<usize>,
    /// By the parts that have something to write, a bit each.
    texts: [OnceLock<String>; 1 << MOST],
}

/// What one statement writes: its rows and its single values.
#[derive(Debug)]
pub struct Part {
    /// The batch.
    pub rows: Rows,
    /// `{1}`, `{2}` …
    pub values: Vec<Value>,
}

impl<const N: usize> Together<N> {
    /// Statements of which none writes a row that another one reads or writes.
    pub const fn of(parts: [&'static Sql; N]) -> Self {
        Self::new(parts, None)
    }

    /// The same, for [`Self::commit`]: the part at this index has to change each row that it is given, or nothing is written.
    pub const fn exact(parts: [&'static Sql; N], exact: usize) -> Self {
        assert!(exact < N, "there is no such part");
        Self::new(parts, Some(exact))
    }

    const fn new(parts: [&'static Sql; N], exact: Option<usize>) -> Self {
        assert!(N <= MOST, "so many parts have no room for their texts");
        Self { parts, exact, texts: [const { OnceLock::new() }; 1 << MOST] }
    }

    /// Runs those that have something to write; says how many rows each one changed.
    ///
    /// # Errors
    /// The driver's. What was changed until then stays in the caller's transaction, which has to be given up.
    pub async fn execute<C: ConnectionTrait>(&self, on: &C, parts: [Option<Part>; N]) -> Result<[u64; N], DbErr> {
        if on.get_database_backend() == DbBackend::Postgres {
            return self.at_once(on, parts).await;
        }
        let mut changed = [0; N];
        for ((sql, part), changed) in self.parts.into_iter().zip(parts).zip(&mut changed) {
            if let Some(Part { rows, values }) = part {
                *changed = sql.execute(on, rows, values).await?;
            }
        }
        Ok(changed)
    }

    /// Writes all that there is to write as a transaction of its own, on PostgreSQL in a single trip. `false`, and nothing is written,
    /// when the part that has to be exact is not: somebody else has changed one of its rows since it was read.
    ///
    /// # Errors
    /// The driver's. Perhaps it is written nevertheless.
    pub async fn commit(&self, store: &Store, parts: [Option<Part>; N]) -> Result<bool, DbErr> {
        if parts.iter().all(Option::is_none) {
            return Ok(true);
        }
        if store.backend() == DbBackend::Postgres {
            let written = self.at_once(store.connection(), parts).await;
            return written
                .map(|_| true)
                .or_else(|error| if fault::is_inexact(&error) { Ok(false) } else { Err(error) });
        }
        let given = self.exact.and_then(|exact| Some((exact, parts[exact].as_ref()?.rows.len())));
        let tx = store.begin().await?;
        let changed = self.execute(&tx, parts).await?;
        if given.is_some_and(|(exact, rows)| usize::try_from(changed[exact]) != Ok(rows)) {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn at_once<C: ConnectionTrait>(&self, on: &C, parts: [Option<Part>; N]) -> Result<[u64; N], DbErr> {
        let bit = |(index, part): (usize, &Option<Part>)| usize::from(part.is_some()) << index;
        let chosen: usize = parts.iter().enumerate().map(bit).sum();
        if chosen == 0 {
            return Ok([0; N]);
        }
        let text = self.texts[chosen].get_or_init(|| self.text(&parts));
        let values = parts.into_iter().flatten().flat_map(|Part { rows, values }| rows.arrays().chain(values));
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, text, values);
        let row = on.query_one_raw(statement).await?.ok_or_else(|| DbErr::RecordNotFound("counts".to_owned()))?;
        let mut changed = [0; N];
        for (index, changed) in changed.iter_mut().enumerate() {
            *changed = row.try_get::<i64>("", &format!("changed{index}"))?.unsigned_abs();
        }
        Ok(changed)
    }

    /// `WITH part0 AS (INSERT … RETURNING 1), part2 AS (…) SELECT (SELECT count(*) FROM part0) AS changed0, 0::bigint AS changed1 …`;
    /// that a part is not exact divides by zero, which fails the statement and takes all of it back.
    fn text(&self, parts: &[Option<Part>; N]) -> String {
        let (mut with, mut counts, mut parameters) = (Vec::new(), Vec::new(), 0);
        for (index, (sql, part)) in self.parts.iter().zip(parts).enumerate() {
            let Some(part) = part else {
                counts.push(format!("0::bigint AS changed{index}"));
                continue;
            };
            with.push(format!("part{index} AS ({})", sql.returning(parameters)));
            counts.push(format!("(SELECT count(*) FROM part{index}) AS changed{index}"));
            if self.exact == Some(index) {
                let given = format!("cardinality(${})", parameters + 1);
                counts.push(format!("1 / (SELECT (count(*) = {given})::int FROM part{index}) AS exact"));
            }
            parameters += part.rows.columns() + part.values.len();
        }
        format!("WITH {} SELECT {}", with.join(", "), counts.join(", "))
    }
}
