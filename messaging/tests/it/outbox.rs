//! The outbox table on a real database.

#[cfg(feature = "servers")]
use crate::wait::until;
use crate::{
    database::{Database, TestResult},
    letters::{requests, sealed, sorted},
    wait::within_limit,
};
use messaging::{Letter, outbox, parking};
use std::time::Duration;
use store::{Micros, Store};
#[cfg(feature = "servers")]
use store::{Rows, Sql};

const NOW: Micros = Micros(1_000_000_000);
const LEASE: Duration = Duration::from_secs(15);

/// Commits the letters without a lease.
pub async fn append(store: &Store, letters: &[Letter]) -> TestResult {
    append_until(store, letters, Micros::EPOCH).await
}

pub async fn append_until(store: &Store, letters: &[Letter], lease_until: Micros) -> TestResult {
    let tx = store.begin().await?;
    outbox::append(&tx, letters, lease_until, NOW).await?;
    Ok(tx.commit().await?)
}

pub async fn rows(store: &Store) -> i64 {
    outbox::depth(store).await.map_or(-1, |(rows, _)| rows)
}

pub async fn what_is_appended_shares_the_fate_of_its_transaction(database: Database) -> TestResult {
    let store = database.open().await?;
    let tx = store.begin().await?;
    outbox::append(&tx, &requests(3)?, Micros::EPOCH, NOW).await?;
    outbox::append(&tx, &[], Micros::EPOCH, NOW).await?;
    drop(tx);
    assert_eq!(rows(&store).await, 0);
    append(&store, &requests(3)?).await?;
    assert_eq!(rows(&store).await, 3);
    Ok(())
}

pub async fn a_claimed_row_is_nobody_elses_until_its_lease_is_over(database: Database) -> TestResult {
    let (one, two) = (database.open().await?, database.open().await?);
    append(&one, &requests(10)?).await?;
    let (first, second) = tokio::try_join!(outbox::claim(&one, NOW, LEASE, 7), outbox::claim(&two, NOW, LEASE, 7))?;
    assert_eq!(first.len() + second.len(), 10);
    let claimed = sorted(first.iter().chain(&second).map(|letter| letter.id));
    assert!(claimed.windows(2).all(|two| two[0] != two[1]), "a row was claimed twice");
    assert_eq!(outbox::claim(&one, NOW, LEASE, 100).await?, []);
    assert_eq!(outbox::claim(&two, NOW.plus(LEASE), LEASE, 100).await?.len(), 10);
    Ok(())
}

pub async fn looks_that_find_nothing_do_without_the_right_to_write(database: Database) -> TestResult {
    let store = database.open().await?;
    let writer = store.begin().await?;
    let looks = async {
        let (free, due) = (outbox::claim(&store, NOW, LEASE, 10).await?, parking::due(&store, "queue", NOW, 10).await?);
        TestResult::Ok((free.len(), due.len()))
    };
    assert_eq!(within_limit("looks beside a writer", looks).await?, (0, 0));
    Ok(writer.commit().await?)
}

pub async fn the_oldest_rows_are_claimed_first_and_bytes_survive(database: Database) -> TestResult {
    let store = database.open().await?;
    let mut letters = requests(5)?;
    letters.push(sealed("{\"text\": \"it's = '\\\\u0000' Ж😀\"}"));
    append(&store, &letters).await?;
    let mut claimed = Vec::new();
    for _ in 0..3 {
        claimed.extend(outbox::claim(&store, NOW, LEASE, 2).await?);
    }
    assert_eq!(claimed, letters);
    Ok(())
}

pub async fn leases_end_when_they_are_released(database: Database) -> TestResult {
    let store = database.open().await?;
    let letters = requests(4)?;
    append_until(&store, &letters, NOW.plus(LEASE)).await?;
    assert_eq!(outbox::claim(&store, NOW, LEASE, 100).await?, []);
    assert_eq!(outbox::release(&store, [letters[1].id]).await?, 1);
    assert_eq!(outbox::claim(&store, NOW, LEASE, 100).await?, [letters[1].clone()]);
    assert_eq!(outbox::delete(&store, [letters[1].id, letters[1].id]).await?, 1);
    assert_eq!(outbox::delete(&store, [letters[1].id]).await?, 0);
    assert_eq!(outbox::release_all(&store).await?, 3);
    assert_eq!(outbox::claim(&store, NOW, LEASE, 100).await?.len(), 3);
    Ok(())
}

pub async fn depth_counts_the_rows_and_knows_the_oldest(database: Database) -> TestResult {
    let store = database.open().await?;
    assert_eq!(outbox::depth(&store).await?, (0, None));
    append(&store, &requests(2)?).await?;
    assert_eq!(outbox::depth(&store).await?, (2, Some(NOW)));
    Ok(())
}

#[cfg(feature = "servers")]
pub async fn a_vacuum_gives_deleted_rows_room_to_others(database: Database) -> TestResult {
    static SIZE: Sql = Sql::new("SELECT pg_relation_size('outbox') AS size");
    let store = database.open().await?;
    let size = async || {
        let rows = SIZE.query(store.connection(), Rows::new(), Vec::new()).await?;
        TestResult::Ok(rows[0].try_get::<i64>("", "size")?)
    };
    let fill = async || {
        let letters = requests(2_000)?;
        append(&store, &letters).await?;
        TestResult::Ok(outbox::delete(&store, letters.iter().map(|letter| letter.id)).await?)
    };
    fill().await?;
    let full = size().await?;
    assert!(full > 0);
    // Somebody else on the server may hold the rows a little longer, so it is done until it has an effect.
    until("the room was used again", || async {
        let before = size().await;
        let (vacuumed, filled) = (outbox::vacuum(&store).await, fill().await);
        assert!(vacuumed.is_ok() && filled.is_ok(), "{vacuumed:?} {filled:?}");
        matches!((before, size().await), (Ok(before), Ok(after)) if before == after)
    })
    .await;
    Ok(())
}
