//! The inbox table on a real database.

use crate::database::{Database, TestResult};
use messaging::inbox;
use std::time::Duration;
use store::{Micros, Part, Store, Tx};
use uuid::Uuid;

const NOW: Micros = Micros(1_000_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

async fn remember(store: &Store, ids: &[Uuid], now: Micros) -> TestResult<u64> {
    let tx = store.begin().await?;
    let new = write(&tx, ids, now).await?;
    tx.commit().await?;
    Ok(new)
}

async fn write(tx: &Tx, ids: &[Uuid], now: Micros) -> TestResult<u64> {
    match inbox::keys(ids.iter().copied(), now) {
        Some(Part { rows, values }) => Ok(inbox::REMEMBER.execute(tx, rows, values).await?),
        None => Ok(0),
    }
}

fn ids(number: usize) -> Vec<Uuid> {
    (0..number).map(|_| Uuid::now_v7()).collect()
}

pub async fn a_key_is_written_once(database: Database) -> TestResult {
    let store = database.open().await?;
    let mut all = ids(100);
    all.push(all[7]);
    let mut new = Vec::new();
    for some in [&all[..50], &all, &all, &[]] {
        new.push(remember(&store, some, NOW).await?);
    }
    assert_eq!(new, [50, 50, 0, 0]);
    Ok(())
}

pub async fn of_many_that_remember_the_same_ids_at_once_one_wins_each(database: Database) -> TestResult {
    let all = ids(300);
    let mut tasks = Vec::new();
    for instance in 0..6 {
        let store = database.open().await?;
        let mut mine = all.clone();
        mine.rotate_left(instance * 50);
        tasks.push(tokio::spawn(async move {
            let mut new = 0;
            for some in mine.chunks(60) {
                new += remember(&store, some, NOW).await?;
            }
            TestResult::Ok(new)
        }));
    }
    let mut won = 0;
    for task in tasks {
        won += task.await??;
    }
    assert_eq!(won, 300);
    Ok(())
}

pub async fn an_id_is_forgotten_with_the_transaction_that_remembered_it(database: Database) -> TestResult {
    let store = database.open().await?;
    let all = ids(3);
    let tx = store.begin().await?;
    assert_eq!(write(&tx, &all, NOW).await?, 3);
    drop(tx);
    assert_eq!(remember(&store, &all, NOW).await?, 3);
    Ok(())
}

pub async fn cleaning_goes_in_steps_and_spares_the_young(database: Database) -> TestResult {
    let store = database.open().await?;
    let step = u64::from(inbox::CLEAN_STEP);
    let (old, young) = (ids(usize::try_from(step)? + 10), ids(10));
    remember(&store, &old, NOW.minus(DAY * 8)).await?;
    remember(&store, &young, NOW.minus(DAY * 6)).await?;
    let mut steps = Vec::new();
    for _ in 0..3 {
        steps.push(inbox::clean_step(&store, NOW, DAY * 7).await?);
    }
    assert_eq!(steps, [step, 10, 0]);
    assert_eq!(remember(&store, &young, NOW).await?, 0);
    assert_eq!(remember(&store, &old, NOW).await?, step + 10);
    Ok(())
}
