//! One statement for any number of rows, written once for both databases.
//! Absent: building SQL from conditions (sea-orm does that) and any statement of the business.
//!
//! A batch travels as columns. PostgreSQL gets an array for each and UNNESTs them, SQLite gets one JSON document and reads it
//! with `json_each`; either way the text of the statement does not depend on the number of rows, so it is prepared once.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value,
    sea_query::{ArrayType, Value as SeaValue},
};
use serde_json::json;
use std::{fmt::Write, sync::OnceLock};
use uuid::Uuid;

/// The columns of a batch, all of the same length, in the order in which the statement names them.
#[derive(Debug, Default)]
pub struct Rows(Vec<Column>);

#[derive(Debug)]
enum Column {
    Uuid(Vec<Uuid>),
    OptUuid(Vec<Option<Uuid>>),
    Int(Vec<i64>),
    Text(Vec<String>),
    OptText(Vec<Option<String>>),
}

impl Rows {
    /// No columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column of UUIDs.
    #[must_use]
    pub fn uuids(self, column: impl IntoIterator<Item = Uuid>) -> Self {
        self.with(Column::Uuid(column.into_iter().collect()))
    }

    /// Adds a column of UUIDs that may be NULL. The nil UUID means NULL too.
    #[must_use]
    pub fn opt_uuids(self, column: impl IntoIterator<Item = Option<Uuid>>) -> Self {
        self.with(Column::OptUuid(column.into_iter().map(|id| id.filter(|id| !id.is_nil())).collect()))
    }

    /// Adds a column of whole numbers.
    #[must_use]
    pub fn ints(self, column: impl IntoIterator<Item = i64>) -> Self {
        self.with(Column::Int(column.into_iter().collect()))
    }

    /// Adds a column of texts.
    #[must_use]
    pub fn texts<T: Into<String>>(self, column: impl IntoIterator<Item = T>) -> Self {
        self.with(Column::Text(column.into_iter().map(Into::into).collect()))
    }

    /// Adds a column of texts that may be NULL.
    #[must_use]
    pub fn opt_texts<T: Into<String>>(self, column: impl IntoIterator<Item = Option<T>>) -> Self {
        self.with(Column::OptText(column.into_iter().map(|text| text.map(Into::into)).collect()))
    }

    /// Adds a column of bytes. It travels as hex: failures and poison have such columns, the hot path has not.
    #[must_use]
    pub fn bytes<'a>(self, column: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.with(Column::Text(column.into_iter().map(hex).collect()))
    }

    fn with(mut self, column: Column) -> Self {
        debug_assert!(self.0.first().is_none_or(|first| first.len() == column.len()), "columns of one length");
        self.0.push(column);
        self
    }

    fn values(self, backend: DbBackend) -> Vec<Value> {
        match backend {
            DbBackend::Sqlite if self.0.is_empty() => Vec::new(),
            DbBackend::Sqlite => vec![self.json().into()],
            _ => self.0.into_iter().map(Column::array).collect(),
        }
    }

    /// An array of rows, each an array of cells.
    fn json(&self) -> String {
        let rows = self.0.first().map_or(0, Column::len);
        let cells = |row| self.0.iter().map(|column| column.cell(row)).collect::<Vec<_>>();
        json!((0..rows).map(cells).collect::<Vec<_>>()).to_string()
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Uuid(column) => column.len(),
            Self::OptUuid(column) => column.len(),
            Self::Int(column) => column.len(),
            Self::Text(column) => column.len(),
            Self::OptText(column) => column.len(),
        }
    }

    fn cell(&self, row: usize) -> serde_json::Value {
        match self {
            Self::Uuid(column) => json!(column[row].simple().to_string()),
            Self::OptUuid(column) => json!(column[row].map(|id| id.simple().to_string())),
            Self::Int(column) => json!(column[row]),
            Self::Text(column) => json!(column[row]),
            Self::OptText(column) => json!(column[row]),
        }
    }

    /// sea-orm's arrays hold no NULL; see [`postgres_source`] for how a NULL travels.
    fn array(self) -> Value {
        fn of<T: Into<SeaValue>>(kind: ArrayType, cells: impl Iterator<Item = T>) -> Value {
            Value::Array(kind, Some(Box::new(cells.map(Into::into).collect())))
        }
        match self {
            Self::Uuid(column) => of(ArrayType::Uuid, column.into_iter()),
            Self::OptUuid(column) => of(ArrayType::Uuid, column.into_iter().map(Option::unwrap_or_default)),
            Self::Int(column) => of(ArrayType::BigInt, column.into_iter()),
            Self::Text(column) => of(ArrayType::String, column.into_iter()),
            Self::OptText(column) => of(
                ArrayType::String,
                column.into_iter().map(|text| text.map_or_else(String::new, |text| format!("={text}"))),
            ),
        }
    }
}

/// A statement for both databases.
///
/// In its text `{rows}` stands for the batch as a table named `rows`, `{1}`, `{2}` … for single values,
/// `{for update}` and `{skip locked}` for PostgreSQL's row locks (nothing on SQLite, where the writer is alone anyway).
#[derive(Debug)]
pub struct Sql {
    columns: &'static str,
    template: &'static str,
    postgres: OnceLock<String>,
    sqlite: OnceLock<String>,
}

impl Sql {
    /// A statement over rows. `columns` names them with their types: `"id uuid, body text, note text?"`; the types are `uuid`,
    /// `uuid?`, `int`, `text`, `text?`, `hex` (for [`Rows::bytes`]).
    pub const fn over(columns: &'static str, template: &'static str) -> Self {
        Self { columns, template, postgres: OnceLock::new(), sqlite: OnceLock::new() }
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
        Ok(on.execute_raw(self.statement(on.get_database_backend(), rows, values)).await?.rows_affected())
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
        on.query_all_raw(self.statement(on.get_database_backend(), rows, values)).await
    }

    fn statement(&self, backend: DbBackend, rows: Rows, values: Vec<Value>) -> Statement {
        let text = match backend {
            DbBackend::Sqlite => self.sqlite.get_or_init(|| self.text(backend)),
            _ => self.postgres.get_or_init(|| self.text(backend)),
        };
        let mut all = rows.values(backend);
        all.extend(values);
        Statement::from_sql_and_values(backend, text, all)
    }

    fn text(&self, backend: DbBackend) -> String {
        let columns = self.columns();
        let sqlite = backend == DbBackend::Sqlite;
        let (source, before) = if sqlite {
            (sqlite_source(&columns), usize::from(!columns.is_empty()))
        } else {
            (postgres_source(&columns), columns.len())
        };
        let mut text = self.template.replace("{rows}", &source);
        text = text.replace("{for update}", if sqlite { "" } else { "FOR UPDATE" });
        text = text.replace("{skip locked}", if sqlite { "" } else { "FOR UPDATE SKIP LOCKED" });
        // Highest first would matter beyond nine values; no statement has that many.
        (1..=9).fold(text, |text, value| text.replace(&format!("{{{value}}}"), &format!("${}", before + value)))
    }

    fn columns(&self) -> Vec<(&'static str, &'static str)> {
        self.columns.split(", ").filter_map(|column| column.split_once(' ')).collect()
    }
}

/// `(SELECT … FROM UNNEST($1::uuid[], …) AS rows (…)) AS rows`. A NULL UUID travels as nil, a NULL text as the empty one and any
/// other text with a `=` before it.
fn postgres_source(columns: &[(&str, &str)]) -> String {
    let (mut selected, mut arrays, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (name, kind)) in columns.iter().enumerate() {
        let (array, select) = match *kind {
            "uuid?" => ("uuid", format!("NULLIF({name}, '00000000-0000-0000-0000-000000000000') AS {name}")),
            "text?" => ("text", format!("CASE {name} WHEN '' THEN NULL ELSE substr({name}, 2) END AS {name}")),
            "hex" => ("text", format!("decode({name}, 'hex') AS {name}")),
            "int" => ("bigint", (*name).to_owned()),
            kind => (kind, (*name).to_owned()),
        };
        arrays.push(format!("${}::{array}[]", index + 1));
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

/// `(SELECT unhex(value ->> 0) AS id, … FROM json_each($1)) AS rows`.
fn sqlite_source(columns: &[(&str, &str)]) -> String {
    let mut selected = String::new();
    for (index, (name, kind)) in columns.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let written = match *kind {
            "uuid" | "uuid?" | "hex" => write!(selected, "{separator}unhex(value ->> {index}) AS {name}"),
            _ => write!(selected, "{separator}value ->> {index} AS {name}"),
        };
        written.expect("writing to a String cannot fail");
    }
    format!("(SELECT {selected} FROM json_each($1)) AS rows")
}
