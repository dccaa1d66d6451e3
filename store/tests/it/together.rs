//! `Together`: the same outcome in one trip or in several.

use crate::database::{Database, TestResult};
use sea_orm::ConnectionTrait;
use store::{Fault, Part, Rows, Sql, Store, Together};

static INSERT: Sql = Sql::over(
    "id int, note text?",
    "INSERT INTO goods (id, note, price) SELECT id, note, {1} FROM {rows} WHERE true ON CONFLICT (id) DO NOTHING",
);
static PRICE: Sql = Sql::over(
    "id int, price int",
    "UPDATE prices SET price = rows.price + {2} FROM {rows} WHERE prices.id = rows.id AND {1} = {1} RETURNING prices.id",
);
static CLEAR: Sql = Sql::new("DELETE FROM baskets WHERE id < {1}");
static WRITE: Together<3> = Together::of([&INSERT, &PRICE, &CLEAR]);
static EXACT: Together<3> = Together::exact([&INSERT, &PRICE, &CLEAR], 1);

async fn tables(database: Database) -> TestResult<Store> {
    let store = database.open().await?;
    let tables = "CREATE TABLE goods (id bigint PRIMARY KEY, note text, price bigint NOT NULL);
        CREATE TABLE prices (id bigint PRIMARY KEY, price bigint NOT NULL CHECK (price < 1000));
        CREATE TABLE baskets (id bigint PRIMARY KEY);
        INSERT INTO goods VALUES (1, NULL, 5);
        INSERT INTO prices VALUES (1, 0), (2, 0), (3, 0);
        INSERT INTO baskets VALUES (1), (2), (3), (4)";
    store.connection().execute_unprepared(tables).await?;
    Ok(store)
}

fn goods(ids: impl Iterator<Item = i64> + Clone) -> Option<Part> {
    let notes = ids.clone().map(|id| (id % 2 == 0).then(|| format!("{{1}} {id}")));
    Some(Part { rows: Rows::new().ints(ids).opt_texts(notes), values: vec![7_i64.into()] })
}

fn prices(price: i64) -> Option<Part> {
    Some(Part { rows: Rows::new().ints([2, 3, 9]).ints([price; 3]), values: vec!["x".into(), 10_i64.into()] })
}

fn baskets() -> Option<Part> {
    Some(Part { rows: Rows::new(), values: vec![4_i64.into()] })
}

async fn write(store: &Store, parts: [Option<Part>; 3]) -> TestResult<[u64; 3]> {
    let tx = store.begin().await?;
    let changed = WRITE.execute(&tx, parts).await?;
    tx.commit().await?;
    Ok(changed)
}

/// All three tables in a line.
async fn all(store: &Store) -> TestResult<String> {
    static ALL: Sql = Sql::new(
        "SELECT 'good ' || id || ' ' || coalesce(note, '-') || ' ' || price AS line FROM goods
         UNION ALL SELECT 'price ' || id || ' ' || price FROM prices
         UNION ALL SELECT 'basket ' || id FROM baskets ORDER BY line",
    );
    let rows = ALL.query(store.connection(), Rows::new(), Vec::new()).await?;
    Ok(rows.iter().map(|row| row.try_get("", "line")).collect::<Result<Vec<String>, _>>()?.join(", "))
}

const BEFORE: &str = "basket 1, basket 2, basket 3, basket 4, good 1 - 5, price 1 0, price 2 0, price 3 0";

pub async fn each_part_says_how_many_rows_it_changed(database: Database) -> TestResult {
    let store = tables(database).await?;
    assert_eq!(write(&store, [goods(1..=2), prices(20), baskets()]).await?, [1, 2, 3]);
    assert_eq!(all(&store).await?, "basket 4, good 1 - 5, good 2 {1} 2 7, price 1 0, price 2 30, price 3 30");
    Ok(())
}

pub async fn what_has_nothing_to_write_is_left_out(database: Database) -> TestResult {
    let store = tables(database).await?;
    assert_eq!(write(&store, [None, None, None]).await?, [0, 0, 0]);
    assert_eq!(all(&store).await?, BEFORE);
    // The parts behind one that is left out have their parameters elsewhere, each time anew.
    for price in [20, 30] {
        assert_eq!(write(&store, [None, prices(price), None]).await?, [0, 2, 0]);
    }
    assert_eq!(write(&store, [goods(3..=4), None, baskets()]).await?, [2, 0, 3]);
    let after = "basket 4, good 1 - 5, good 3 - 7, good 4 {1} 4 7, price 1 0, price 2 40, price 3 40";
    assert_eq!(all(&store).await?, after);
    Ok(())
}

pub async fn a_part_that_fails_fails_all(database: Database) -> TestResult {
    let store = tables(database).await?;
    let tx = store.begin().await?;
    let failed = WRITE.execute(&tx, [goods(5..=6), prices(2_000), baskets()]).await;
    assert_eq!(failed.map_err(|error| Fault::of(&error)), Err(Fault::Constraint));
    tx.rollback().await?;
    assert_eq!(all(&store).await?, BEFORE);
    Ok(())
}

/// Of three prices one is not there.
pub async fn what_is_not_exact_is_not_written_at_all(database: Database) -> TestResult {
    let store = tables(database).await?;
    assert!(!EXACT.commit(&store, [goods(1..=2), prices(20), baskets()]).await?);
    assert_eq!(all(&store).await?, BEFORE);
    let there =
        |price| Some(Part { rows: Rows::new().ints([1, 2]).ints([price; 2]), values: vec!["x".into(), 1_i64.into()] });
    for price in [20, 30] {
        assert!(EXACT.commit(&store, [goods(1..=2), there(price), baskets()]).await?);
    }
    assert!(EXACT.commit(&store, [goods(3..=3), None, None]).await?);
    assert!(EXACT.commit(&store, [None, None, None]).await?);
    let after = "basket 4, good 1 - 5, good 2 {1} 2 7, good 3 - 7, price 1 31, price 2 31, price 3 0";
    assert_eq!(all(&store).await?, after);
    let refused = EXACT.commit(&store, [goods(4..=4), there(2_000), None]).await;
    assert_eq!(refused.map_err(|error| Fault::of(&error)), Err(Fault::Constraint));
    assert_eq!(all(&store).await?, after);
    Ok(())
}
