//! A batch on its way into a statement: columns of one length, for PostgreSQL as arrays, for SQLite cell by cell.
//! Absent: the statement (`sql`), and any kind of cell that no statement needs.

use sea_orm::{
    Value,
    sea_query::{ArrayType, Value as SeaValue},
};
use std::vec::IntoIter;
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

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.0.first().map_or(0, Column::len)
    }

    /// How many columns there are.
    pub(crate) fn columns(&self) -> usize {
        self.0.len()
    }

    /// An array a column.
    pub(crate) fn arrays(self) -> impl Iterator<Item = Value> {
        self.0.into_iter().map(Column::array)
    }

    /// Cell by cell, row by row.
    pub(crate) fn cells(self) -> Cells {
        Cells(self.0.into_iter().map(Cursor::from).collect())
    }
}

/// What is left of a batch that is taken row by row.
#[derive(Debug)]
pub(crate) struct Cells(Vec<Cursor>);

#[derive(Debug)]
enum Cursor {
    Uuid(IntoIter<Uuid>),
    OptUuid(IntoIter<Option<Uuid>>),
    Int(IntoIter<i64>),
    Text(IntoIter<String>),
    OptText(IntoIter<Option<String>>),
}

impl Cells {
    /// The cells of the next rows; those beyond the last row are NULL.
    pub fn take(&mut self, rows: usize) -> Vec<Value> {
        let mut cells = Vec::with_capacity(rows * self.0.len());
        for _ in 0..rows {
            cells.extend(self.0.iter_mut().map(Cursor::next));
        }
        cells
    }
}

impl Cursor {
    fn next(&mut self) -> Value {
        match self {
            Self::Uuid(cells) => cells.next().into(),
            Self::OptUuid(cells) => cells.next().flatten().into(),
            Self::Int(cells) => cells.next().into(),
            Self::Text(cells) => cells.next().into(),
            Self::OptText(cells) => cells.next().flatten().into(),
        }
    }
}

impl From<Column> for Cursor {
    fn from(column: Column) -> Self {
        match column {
            Column::Uuid(column) => Self::Uuid(column.into_iter()),
            Column::OptUuid(column) => Self::OptUuid(column.into_iter()),
            Column::Int(column) => Self::Int(column.into_iter()),
            Column::Text(column) => Self::Text(column.into_iter()),
            Column::OptText(column) => Self::OptText(column.into_iter()),
        }
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

    /// sea-orm's arrays hold no NULL; the statement turns what stands for one back into it.
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
