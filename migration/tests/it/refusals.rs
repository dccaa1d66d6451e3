//! Tables of rows that the schema must accept or refuse, and the one way to try them; the cases are in this folder.

#[path = "refusals/messaging.rs"]
mod messaging;
#[path = "refusals/orders.rs"]
mod orders;
#[path = "refusals/payments.rs"]
mod payments;
#[path = "refusals/words.rs"]
pub mod words;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, TransactionTrait, Value,
    sea_query::{Expr, Query},
};

use crate::database::{TestDatabase, TestResult};

/// The columns of a row with their values.
pub type Row = Vec<(&'static str, Value)>;

/// One table under test.
pub struct Table {
    name: &'static str,
    /// Two valid rows that are compatible with each other.
    valid: fn(u8) -> Row,
    /// The columns that may be NULL; all others must refuse it.
    nullable: &'static [&'static str],
    cases: Vec<Case>,
}

/// The second valid row with something changed, tried while the first is in the table.
pub struct Case {
    change: Row,
    expected: Verdict,
}

/// What the database has to say to a row.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    Accepted,
    /// Refused by the CHECK of this name.
    Check(&'static str),
    /// Refused because this column may not be NULL.
    NotNull(&'static str),
    /// Refused by this unique index (or key), which SQLite knows by its columns.
    Unique {
        index: &'static str,
        columns: &'static [&'static str],
    },
}

/// A row that differs in these columns is fine.
pub fn accepted<const N: usize>(change: [(&'static str, Value); N]) -> Case {
    Case { change: change.into(), expected: Verdict::Accepted }
}

/// A row that differs in these columns is refused by exactly this rule.
pub fn refused<const N: usize>(change: [(&'static str, Value); N], expected: Verdict) -> Case {
    Case { change: change.into(), expected }
}

pub async fn orders_accept_and_refuse_what_they_should(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    migration::orders::up(&db).await?;
    check(&db, orders::orders()).await
}

pub async fn accounts_accept_and_refuse_what_they_should(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    migration::payments::up(&db).await?;
    check(&db, payments::accounts()).await
}

pub async fn entries_accept_and_refuse_what_they_should(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    migration::payments::up(&db).await?;
    check(&db, payments::entries()).await
}

pub async fn payments_accept_and_refuse_what_they_should(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    migration::payments::up(&db).await?;
    check(&db, payments::payments()).await
}

pub async fn messaging_tables_accept_and_refuse_what_they_should(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    migration::orders::up(&db).await?;
    check(&db, messaging::outbox()).await?;
    check(&db, messaging::inbox()).await?;
    check(&db, messaging::parked()).await?;
    migration::orders::down(&db).await?;
    migration::payments::up(&db).await?;
    check(&db, messaging::outbox()).await?;
    check(&db, messaging::inbox()).await?;
    check(&db, messaging::parked()).await
}

async fn check(db: &DatabaseConnection, table: Table) -> TestResult {
    for case in null_cases(&table).into_iter().chain(table.cases) {
        let row = changed((table.valid)(2), &case.change);
        let outcome = try_row(db, table.name, (table.valid)(1), row).await?;
        if !case.expected.is_met(db.get_database_backend(), table.name, &outcome) {
            return Err(format!("{} with {:?}: {:?}, got {outcome:?}", table.name, case.change, case.expected).into());
        }
    }
    Ok(())
}

/// The unchanged row, and NULL in each column that must not be.
fn null_cases(table: &Table) -> Vec<Case> {
    let columns = (table.valid)(2);
    let required = columns.iter().filter(|(column, _)| !table.nullable.contains(column));
    let nulls = required.map(|(column, value)| refused([(*column, value.as_null())], Verdict::NotNull(column)));
    std::iter::once(accepted([])).chain(nulls).collect()
}

fn changed(mut row: Row, change: &Row) -> Row {
    for (column, value) in change {
        let cell = row.iter_mut().find(|(name, _)| name == column).expect("a case changes a column of its table");
        cell.1 = value.clone();
    }
    row
}

/// Inserts both rows, the first of which must go in, and takes them out again.
async fn try_row(db: &DatabaseConnection, table: &'static str, first: Row, row: Row) -> TestResult<Result<(), DbErr>> {
    let transaction = db.begin().await?;
    insert(&transaction, table, first).await?;
    let outcome = insert(&transaction, table, row).await;
    transaction.rollback().await?;
    Ok(outcome)
}

async fn insert(db: &impl ConnectionTrait, table: &'static str, row: Row) -> Result<(), DbErr> {
    let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    let mut statement = Query::insert();
    statement.into_table(table).columns(columns).values_panic(values.into_iter().map(Expr::val));
    db.execute(&statement).await.map(drop)
}

impl Verdict {
    fn is_met(self, backend: DbBackend, table: &str, outcome: &Result<(), DbErr>) -> bool {
        match (self, outcome) {
            (Self::Accepted, outcome) => outcome.is_ok(),
            (_, Ok(())) => false,
            (rule, Err(error)) => error.to_string().contains(&rule.words(backend, table)),
        }
    }

    /// The words in which the database names the rule.
    fn words(self, backend: DbBackend, table: &str) -> String {
        let postgres = backend == DbBackend::Postgres;
        match self {
            Self::Accepted => String::new(),
            Self::Check(name) if postgres => format!("violates check constraint \"{name}\""),
            Self::Check(name) => format!("CHECK constraint failed: {name}"),
            Self::NotNull(column) if postgres => format!("null value in column \"{column}\""),
            Self::NotNull(column) => format!("NOT NULL constraint failed: {table}.{column}"),
            Self::Unique { index, .. } if postgres => format!("violates unique constraint \"{index}\""),
            Self::Unique { columns, .. } => {
                let columns: Vec<_> = columns.iter().map(|column| format!("{table}.{column}")).collect();
                format!("UNIQUE constraint failed: {}", columns.join(", "))
            }
        }
    }
}
