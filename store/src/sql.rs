//! One statement for any number of rows, written once for both databases.
//! Absent: building SQL from conditions (sea-orm does that) and any statement of the business.
//!
//! PostgreSQL gets an array for each column and UNNESTs them: one text for any number of rows. SQLite gets the cells as parameters
//! of a VALUES clause, in sizes that double, with rows of NULL to make up the size: few texts, each prepared once. (A JSON document
//! instead costs SQLite five times as much; see `docs/decisions/0002-one-statement-for-many-rows.md`.)

use crate::{
    Rows,
    simulation::{self, Step},
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};
use std::sync::OnceLock;

/// Sizes of a VALUES clause: 1, 2, 4 … 256 rows. A larger batch takes several statements, which only SQLite sees: there every batch
/// is in a transaction, and alone in it.
const SIZES: usize = 9;
const LARGEST: usize = 1 << (SIZES - 1);

/// A statement for both databases.
///
/// In its text `{rows}` stands for the batch as a table named `rows`, `{any id}` for being one of its `id`s (or of another column),
/// `{1}`, `{2}` … for single values, `{for update}` and `{skip locked}` for PostgreSQL's row locks (nothing on SQLite, where the writer is alone anyway).
#[derive(Debug)]
pub struct Sql {
    columns: &'static str,
    template: &'static str,
    postgres: OnceLock<String>,
    sqlite: [OnceLock<String>; SIZES],
}

impl Sql {
    /// A statement over rows. `columns` names them with their types: `"id uuid, body text, note text?"`; the types are `uuid`,
    /// `uuid?`, `int`, `text`, `text?`, `hex` (for [`Rows::bytes`]).
    pub const fn over(columns: &'static str, template: &'static str) -> Self {
        Self { columns, template, postgres: OnceLock::new(), sqlite: [const { OnceLock::new() }; SIZES] }
    }

    /// A statement with single values only.
    pub const fn new(template: &'static str) -> Self {
        Self::over("", template)
    }

    /// Runs it and says how many rows it changed.
    ///
    /// # Errors
    /// The driver's.
    pub async fn execute<C: ConnectionTrait>(&self, on: &C, rows: Rows, values: Vec<Value>) -> Result<u64, DbErr> {
        let mut changed = 0;
        for statement in self.statements(on.get_database_backend(), rows, &values) {
            simulation::before(Step::Statement).await?;
            changed += simulation::at_once(on.execute_raw(statement)).await?.rows_affected();
            simulation::after(Step::Statement).await?;
        }
        Ok(changed)
    }

    /// Runs it and returns its rows.
    ///
    /// # Errors
    /// The driver's.
    pub async fn query<C: ConnectionTrait>(
        &self,
        on: &C,
        rows: Rows,
        values: Vec<Value>,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let mut found = Vec::new();
        for statement in self.statements(on.get_database_backend(), rows, &values) {
            simulation::before(Step::Statement).await?;
            found.append(&mut simulation::at_once(on.query_all_raw(statement)).await?);
            simulation::after(Step::Statement).await?;
        }
        Ok(found)
    }

    /// One statement; on SQLite one for each part of a large batch, and none for an empty one.
    fn statements(&self, backend: DbBackend, rows: Rows, values: &[Value]) -> Vec<Statement> {
        if backend == DbBackend::Sqlite && !self.columns.is_empty() {
            return self.parts(rows, values);
        }
        let text = match backend {
            DbBackend::Sqlite => self.sqlite[0].get_or_init(|| self.sqlite_text(1)),
            _ => self.postgres.get_or_init(|| self.postgres_text(0)),
        };
        vec![Statement::from_sql_and_values(backend, text, rows.arrays().chain(values.iter().cloned()))]
    }

    fn parts(&self, rows: Rows, values: &[Value]) -> Vec<Statement> {
        let (mut left, mut cells) = (rows.len(), rows.cells());
        let mut parts = Vec::with_capacity(left.div_ceil(LARGEST));
        while left > 0 {
            let part = left.min(LARGEST);
            let size = part.next_power_of_two();
            let text = self.sqlite[size.ilog2() as usize].get_or_init(|| self.sqlite_text(size));
            let all = cells.take(size).into_iter().chain(values.iter().cloned());
            parts.push(Statement::from_sql_and_values(DbBackend::Sqlite, text, all));
            left -= part;
        }
        parts
    }

    /// For PostgreSQL, as a part of a larger statement: returns a row for each that it changes; its parameters come after so many.
    pub(crate) fn returning(&self, parameters: usize) -> String {
        let text = self.postgres_text(parameters);
        if self.template.contains("RETURNING") { text } else { text + " RETURNING 1" }
    }

    fn postgres_text(&self, parameters: usize) -> String {
        let columns = self.columns();
        let text = with_lists(self.template, |column| format!("= ANY (ARRAY(SELECT {column} FROM {{rows}}))"));
        let text = text.replace("{rows}", &postgres_source(&columns, parameters));
        let text = text.replace("{for update}", "FOR UPDATE").replace("{skip locked}", "FOR UPDATE SKIP LOCKED");
        with_values(text, '$', parameters + columns.len())
    }

    /// SQLite has no row locks; its writer is alone anyway. The batch stands in front, so that its parameters come first and need
    /// no numbers: of each numbered one the driver asks for the name, which SQLite looks up in a list.
    fn sqlite_text(&self, rows: usize) -> String {
        let columns = self.columns();
        let text = with_lists(self.template, |column| format!("IN (SELECT {column} FROM rows)"));
        let text = text.replace("{rows}", "rows").replace("{for update}", "").replace("{skip locked}", "");
        let text = with_values(text, '?', columns.len() * rows);
        if columns.is_empty() { text } else { sqlite_source(&columns, rows) + &text }
    }

    fn columns(&self) -> Vec<(&'static str, &'static str)> {
        self.columns.split(", ").filter_map(|column| column.split_once(' ')).collect()
    }
}

/// PostgreSQL would make a join of `IN`, and choose which side leads it: once it has seen the table empty it walks all of it for ever,
/// past all that was deleted, and the batch for each row. An array can only be looked up (decision 11).
fn with_lists(template: &str, list: impl Fn(&str) -> String) -> String {
    let mut parts = template.split("{any ");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.filter_map(|part| part.split_once('}'));
    rest.fold(first, |text, (column, rest)| text + &list(column) + rest)
}

/// Numbers the single values, which come behind the rows. No statement has more than nine.
fn with_values(text: String, sign: char, before: usize) -> String {
    (1..=9).fold(text, |text, value| text.replace(&format!("{{{value}}}"), &format!("{sign}{}", before + value)))
}

/// `(SELECT … FROM UNNEST($1::uuid[], …) AS rows (…)) AS rows`. A NULL UUID travels as nil, a NULL text as the empty one and any
/// other text with a `=` before it.
fn postgres_source(columns: &[(&str, &str)], parameters: usize) -> String {
    let (mut selected, mut arrays, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (name, kind)) in columns.iter().enumerate() {
        let (array, select) = match *kind {
            "uuid?" => ("uuid", format!("NULLIF({name}, '00000000-0000-0000-0000-000000000000') AS {name}")),
            "text?" => ("text", format!("CASE {name} WHEN '' THEN NULL ELSE substr({name}, 2) END AS {name}")),
            "hex" => ("text", format!("decode({name}, 'hex') AS {name}")),
            "int" => ("bigint", (*name).to_owned()),
            kind => (kind, (*name).to_owned()),
        };
        arrays.push(format!("${}::{array}[]", parameters + index + 1));
        selected.push(select);
        names.push(*name);
    }
    format!(
        "(SELECT {} FROM UNNEST({}) AS rows ({})) AS rows",
        selected.join(", "),
        arrays.join(", "),
        names.join(", ")
    )
}

/// `WITH rows AS (SELECT column1 AS id, … FROM (VALUES (?, …), …) WHERE column1 IS NOT NULL) `: no first column may be NULL.
fn sqlite_source(columns: &[(&str, &str)], rows: usize) -> String {
    let select = |(index, (name, kind)): (usize, &(&str, &str))| match *kind {
        "hex" => format!("unhex(column{}) AS {name}", index + 1),
        _ => format!("column{} AS {name}", index + 1),
    };
    let selected: Vec<_> = columns.iter().enumerate().map(select).collect();
    let row = format!("({})", vec!["?"; columns.len()].join(","));
    let values = vec![row; rows].join(",");
    format!("WITH rows AS (SELECT {} FROM (VALUES {values}) WHERE column1 IS NOT NULL) ", selected.join(", "))
}
