//! A unit of work whose caller goes away while it begins.

use crate::{
    database::{Database, TestResult},
    units::counter,
};
use store::{Rows, Sql};

/// Attempts, each given up a little later than the one before, so that some are given up within the driver's BEGIN.
const ATTEMPTS: usize = 400;
/// As many at once as there are connections, often enough that each of them is used.
const WAVE: i64 = 5;
const WRITES: i64 = 10 * WAVE;

static INSERT: Sql = Sql::new("INSERT INTO counter VALUES ({1}, 0)");
static COUNT: Sql = Sql::new("SELECT count(*) AS n FROM counter WHERE id >= 1000");

async fn turns(number: usize) {
    for _ in 0..number {
        tokio::task::yield_now().await;
    }
}

pub async fn a_begin_that_is_cancelled_leaves_no_transaction_behind(database: Database) -> TestResult {
    let (store, other) = (database.open().await?, database.open().await?);
    counter(&store).await?;
    for attempt in 0..ATTEMPTS {
        tokio::select! {
            biased;
            begun = store.begin() => drop(begun?),
            () = turns(attempt) => {}
        }
    }
    // A statement outside any transaction is committed at once, unless its connection was left inside one.
    let write = |id: i64| {
        let store = store.clone();
        tokio::spawn(async move { INSERT.execute(store.connection(), Rows::new(), vec![id.into()]).await })
    };
    for wave in 0..WRITES / WAVE {
        for written in (0..WAVE).map(|n| write(1000 + wave * WAVE + n)).collect::<Vec<_>>() {
            written.await??;
        }
    }
    let seen = COUNT.query(other.connection(), Rows::new(), Vec::new()).await?;
    assert_eq!(seen.first().ok_or("no count")?.try_get::<i64>("", "n")?, WRITES);
    Ok(())
}
