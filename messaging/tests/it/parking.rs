//! The parking lot on a real database, with a clock that is set by hand.

use crate::{
    database::{Database, TestResult},
    fake::Hands,
    letters::sorted,
};
use messaging::parking::{self, MAX_ATTEMPTS, Parked, State};
use std::time::Duration;
use store::Store;
use uuid::Uuid;

const QUEUE: &str = "payments.requests";
const BODY: &[u8] = b"\x00\xff not JSON, '";
const ALMOST: Duration = Duration::from_micros(1);

async fn save(store: &Store, hands: &Hands, state: State, error: &str) -> TestResult {
    Ok(parking::save(store, QUEUE, Some("m-1".to_owned()), BODY, state, error, hands.now()).await?)
}

async fn due(store: &Store, hands: &Hands) -> TestResult<Vec<Parked>> {
    Ok(parking::due(store, QUEUE, hands.now(), 100).await?)
}

async fn only(store: &Store) -> TestResult<Parked> {
    let mut all = parking::list(store, 10).await?;
    assert_eq!(all.len(), 1);
    Ok(all.remove(0))
}

pub async fn a_message_is_retried_after_1_4_16_64_and_256_seconds_and_then_parked(database: Database) -> TestResult {
    let (store, hands) = (database.open().await?, Hands::new());
    save(&store, &hands, State::Retrying, "first").await?;
    let saved = only(&store).await?;
    assert_eq!((saved.body.as_slice(), saved.queue.as_str()), (BODY, QUEUE));
    assert_eq!((saved.message_id.as_deref(), saved.first_failed_at), (Some("m-1"), hands.now()));
    for (attempt, seconds) in (2..=MAX_ATTEMPTS).zip([1, 4, 16, 64, 256]) {
        hands.advance(Duration::from_secs(seconds) - ALMOST);
        assert_eq!(due(&store, &hands).await?, [], "before attempt {attempt}");
        hands.advance(ALMOST);
        let message = due(&store, &hands).await?.pop().ok_or("not due")?;
        assert_eq!((message.attempts, message.state), (attempt - 1, State::Retrying));
        let state = parking::failed_again(&store, &message, &format!("error {attempt}"), hands.now()).await?;
        assert_eq!(state, if attempt < MAX_ATTEMPTS { State::Retrying } else { State::Parked });
    }
    hands.advance(Duration::from_secs(1_000_000));
    assert_eq!(due(&store, &hands).await?, []);
    let parked = only(&store).await?;
    assert_eq!((parked.state, parked.attempts, parked.error.as_str()), (State::Parked, MAX_ATTEMPTS, "error 6"));
    assert_eq!(parking::count(&store).await?, [(State::Parked, 1)]);
    Ok(())
}

pub async fn what_is_due_is_given_to_one_of_many_only(database: Database) -> TestResult {
    let (store, other, hands) = (database.open().await?, database.open().await?, Hands::new());
    for _ in 0..30 {
        save(&store, &hands, State::Retrying, "why").await?;
    }
    hands.advance(Duration::from_secs(1));
    let now = hands.now();
    let (one, two) = tokio::try_join!(parking::due(&store, QUEUE, now, 20), parking::due(&other, QUEUE, now, 20))?;
    let ids = sorted(one.iter().chain(&two).map(|message| message.id));
    assert_eq!(ids.len(), 30);
    assert!(ids.windows(2).all(|two| two[0] != two[1]), "one was given twice");
    assert_eq!(parking::due(&store, "orders.payment-results", now.plus(Duration::from_secs(3600)), 100).await?, []);
    Ok(())
}

pub async fn a_retry_whose_holder_died_comes_again(database: Database) -> TestResult {
    let (store, hands) = (database.open().await?, Hands::new());
    save(&store, &hands, State::Retrying, "why").await?;
    hands.advance(Duration::from_secs(1));
    assert_eq!(due(&store, &hands).await?.len(), 1);
    assert_eq!(due(&store, &hands).await?.len(), 0);
    hands.advance(Duration::from_secs(60));
    assert_eq!(due(&store, &hands).await?.len(), 1);
    Ok(())
}

pub async fn replay_starts_over_and_discard_forgets(database: Database) -> TestResult {
    let (store, hands) = (database.open().await?, Hands::new());
    save(&store, &hands, State::Dead, "hopeless").await?;
    let id = only(&store).await?.id;
    assert!(parking::replay(&store, id, hands.now()).await?);
    assert!(!parking::replay(&store, id, hands.now()).await?, "it is being retried already");
    let again = due(&store, &hands).await?.pop().ok_or("not due")?;
    assert_eq!((again.id, again.attempts, again.state), (id, 0, State::Retrying));
    assert_eq!(parking::show(&store, id).await?.map(|shown| shown.body), Some(BODY.to_vec()));
    assert!(parking::discard(&store, id).await?);
    assert!(!parking::discard(&store, id).await?);
    assert!(!parking::replay(&store, Uuid::now_v7(), hands.now()).await?);
    assert_eq!((parking::show(&store, id).await?, parking::list(&store, 10).await?), (None, Vec::new()));
    Ok(())
}

pub async fn dead_messages_are_kept_and_never_due(database: Database) -> TestResult {
    let (store, hands) = (database.open().await?, Hands::new());
    parking::save(&store, QUEUE, None, &[], State::Dead, "empty", hands.now()).await?;
    hands.advance(Duration::from_secs(1_000_000));
    assert_eq!(due(&store, &hands).await?, []);
    let dead = only(&store).await?;
    assert_eq!((dead.state, dead.message_id, dead.body.len(), dead.error.as_str()), (State::Dead, None, 0, "empty"));
    Ok(())
}

pub async fn an_error_with_a_nul_is_kept_all_the_same(database: Database) -> TestResult {
    let (store, hands) = (database.open().await?, Hands::new());
    save(&store, &hands, State::Retrying, "found `\0` at 1").await?;
    hands.advance(Duration::from_secs(1));
    let message = due(&store, &hands).await?.pop().ok_or("not due")?;
    assert_eq!(message.error, "found `\u{fffd}` at 1");
    parking::failed_again(&store, &message, "\0", hands.now()).await?;
    assert_eq!(only(&store).await?.error, "\u{fffd}");
    Ok(())
}
