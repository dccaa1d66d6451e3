//! `Rows` and `Sql`: what goes in comes out, on both databases alike.

use crate::database::{Database, TestResult};
use sea_orm::{ConnectionTrait, DbBackend};
use store::{Rows, Sql, Store};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq)]
struct Row {
    n: i64,
    id: Uuid,
    other: Option<Uuid>,
    words: String,
    note: Option<String>,
    raw: Vec<u8>,
}

static INSERT: Sql = Sql::over(
    "n int, id uuid, other uuid?, words text, note text?, raw hex",
    "INSERT INTO cells (n, id, other, words, note, raw) SELECT n, id, other, words, note, raw FROM {rows}",
);
static SELECT: Sql = Sql::new("SELECT n, id, other, words, note, raw FROM cells ORDER BY n");

/// Texts that have tripped somebody up somewhere.
const TEXTS: [&str; 14] = [
    "",
    "=",
    "=x",
    "==",
    "'",
    "\"",
    "'; DROP TABLE cells; --",
    "Ёж 😀 e\u{301}",
    "\\x41",
    "{1} {rows} $1 ?1",
    "NULL",
    "\n\t\r",
    "123",
    " x ",
];

fn row(n: i64) -> Row {
    let text = TEXTS[usize::try_from(n).unwrap_or(0) % TEXTS.len()];
    Row {
        n,
        id: if n == 3 { Uuid::nil() } else { Uuid::now_v7() },
        other: (n % 2 == 0).then(Uuid::new_v4),
        words: text.to_owned(),
        note: (n % 3 != 0).then(|| text.to_owned()),
        raw: if n == 5 { Vec::new() } else { vec![0, 0xff, b'\'', n.to_le_bytes()[0]] },
    }
}

async fn table(store: &Store) -> TestResult {
    let (uuid, bytes) = match store.backend() {
        DbBackend::Sqlite => ("blob", "blob"),
        _ => ("uuid", "bytea"),
    };
    let sql = format!(
        "CREATE TABLE cells (n bigint PRIMARY KEY, id {uuid} NOT NULL, other {uuid}, words text NOT NULL, note text, raw {bytes} NOT NULL)"
    );
    store.connection().execute_unprepared(&sql).await?;
    Ok(())
}

async fn insert(store: &Store, rows: &[Row]) -> TestResult<u64> {
    let batch = Rows::new()
        .ints(rows.iter().map(|row| row.n))
        .uuids(rows.iter().map(|row| row.id))
        .opt_uuids(rows.iter().map(|row| row.other))
        .texts(rows.iter().map(|row| row.words.as_str()))
        .opt_texts(rows.iter().map(|row| row.note.as_deref()))
        .bytes(rows.iter().map(|row| row.raw.as_slice()));
    let tx = store.begin().await?;
    let inserted = INSERT.execute(&tx, batch, Vec::new()).await?;
    tx.commit().await?;
    Ok(inserted)
}

async fn select(store: &Store) -> TestResult<Vec<Row>> {
    let read = |row: &sea_orm::QueryResult| {
        Ok(Row {
            n: row.try_get("", "n")?,
            id: row.try_get("", "id")?,
            other: row.try_get("", "other")?,
            words: row.try_get("", "words")?,
            note: row.try_get("", "note")?,
            raw: row.try_get("", "raw")?,
        })
    };
    SELECT.query(store.connection(), Rows::new(), Vec::new()).await?.iter().map(read).collect()
}

pub async fn every_kind_of_cell_survives_the_trip(database: Database) -> TestResult {
    let store = database.open().await?;
    table(&store).await?;
    let mut rows: Vec<_> = (0..28).map(row).collect();
    (rows[0].n, rows[27].n) = (i64::MIN, i64::MAX);
    rows[1].other = Some(Uuid::nil());
    assert_eq!(insert(&store, &rows).await?, 28);
    // The nil UUID means NULL in a column that may be NULL, and itself in one that may not.
    rows[1].other = None;
    assert_eq!(select(&store).await?, rows);
    Ok(())
}

pub async fn an_empty_batch_changes_nothing(database: Database) -> TestResult {
    let store = database.open().await?;
    table(&store).await?;
    assert_eq!(insert(&store, &[]).await?, 0);
    assert_eq!(select(&store).await?, []);
    Ok(())
}

pub async fn five_thousand_rows_go_in_one_statement(database: Database) -> TestResult {
    let store = database.open().await?;
    table(&store).await?;
    let rows: Vec<_> = (0..5_000).map(row).collect();
    assert_eq!(insert(&store, &rows).await?, 5_000);
    assert_eq!(select(&store).await?, rows);
    Ok(())
}

pub async fn single_values_stand_beside_the_rows(database: Database) -> TestResult {
    static RENAME: Sql = Sql::over(
        "n int, words text",
        "UPDATE cells SET words = rows.words, note = {2} FROM {rows} WHERE cells.n = rows.n AND cells.n >= {1} AND {2} = {2}
         RETURNING cells.n AS n",
    );
    let store = database.open().await?;
    table(&store).await?;
    insert(&store, &(0..10).map(row).collect::<Vec<_>>()).await?;
    let batch = Rows::new().ints(0..10).texts((0..10).map(|n| format!("={n}")));
    let changed = RENAME.query(store.connection(), batch, vec![8_i64.into(), "it's {1}".into()]).await?;
    assert_eq!(changed.len(), 2);
    let rows = select(&store).await?;
    assert_eq!((rows[7].words.as_str(), rows[8].words.as_str()), (TEXTS[7], "=8"));
    assert_eq!(rows[9].note.as_deref(), Some("it's {1}"));
    Ok(())
}

pub async fn a_statement_without_rows_takes_values_and_locks(database: Database) -> TestResult {
    static LOCK: Sql = Sql::new("SELECT n FROM cells WHERE n > {1} ORDER BY n LIMIT {2} {for update}");
    static SKIP: Sql = Sql::new("SELECT n FROM cells WHERE n > {1} ORDER BY n LIMIT {2} {skip locked}");
    let store = database.open().await?;
    table(&store).await?;
    insert(&store, &(0..10).map(row).collect::<Vec<_>>()).await?;
    for sql in [&LOCK, &SKIP] {
        let tx = store.begin().await?;
        let found = sql.query(&tx, Rows::new(), vec![3_i64.into(), 2_i64.into()]).await?;
        let found = found.iter().map(|row| row.try_get("", "n")).collect::<Result<Vec<i64>, _>>()?;
        assert_eq!(found, [4, 5]);
        tx.rollback().await?;
    }
    Ok(())
}

pub async fn any_is_one_of_the_batch_and_a_null_is_none(database: Database) -> TestResult {
    static AMONG: Sql = Sql::over(
        "n int, other uuid?",
        "SELECT n FROM cells WHERE n {any n} UNION ALL SELECT -n FROM cells WHERE other {any other} ORDER BY 1",
    );
    let store = database.open().await?;
    table(&store).await?;
    let there: Vec<_> = (0..600).map(row).collect();
    insert(&store, &there).await?;
    let wanted = Rows::new().ints([1, 700, 3]).opt_uuids([there[4].other, None, Some(Uuid::nil())]);
    let found = AMONG.query(store.connection(), wanted, Vec::new()).await?;
    let found: Vec<i64> = found.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
    assert_eq!(found, [-4, 1, 3]);
    Ok(())
}
