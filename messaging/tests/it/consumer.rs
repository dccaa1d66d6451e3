//! The consumer: what becomes of a message that is handled, must wait, fails, panics or is poison.
//! On SQLite behind the in-process broker, on PostgreSQL behind RabbitMQ.

use crate::{
    database::{Database, TestResult},
    handler::{Handler, Will},
    letters::{request, requests, sealed},
    stage::Stage,
    wait::until,
};
use messaging::{
    broker::{PAYMENTS_REQUESTS, Settlement},
    consumer::HandleError,
    parking::{self, MAX_ATTEMPTS, State},
};
use std::time::Duration;

const RETRIES: Duration = Duration::from_secs(1_000);

pub async fn a_message_is_handled_and_acknowledged(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let handler = Handler::new(|_, _| Will::Handle);
    let consumer = stage.consume(&handler);
    let letters = requests(50)?;
    stage.publish(&letters).await;
    handler.has_handled(&letters).await;
    assert!(consumer.alive());
    consumer.stop().await;
    assert!(letters.iter().all(|letter| handler.tries(letter) == 1));
    stage.ends_clean().await
}

pub async fn what_is_under_way_is_in_hand_until_it_is_settled(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let handler = Handler::gated();
    let consumer = stage.consume(&handler);
    let letters = requests(5)?;
    let published = stage.publish_later(&letters);
    until("all are in hand", || async { stage.metrics.in_hand() == 5 }).await;
    handler.open_gate(3);
    until("those that were handled are settled", || async { stage.metrics.in_hand() == 2 }).await;
    handler.open_gate(2);
    until("none is in hand", || async { stage.metrics.in_hand() == 0 }).await;
    assert!(published.await?.iter().all(Result::is_ok));
    consumer.stop().await;
    stage.ends_clean().await
}

pub async fn an_unavailable_service_is_asked_until_it_works(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let handler = Handler::new(|_, tries| if tries < 4 { Will::Fail(HandleError::Unavailable) } else { Will::Handle });
    let consumer = stage.consume(&handler);
    let letters = requests(5)?;
    stage.publish(&letters).await;
    handler.has_handled(&letters).await;
    consumer.stop().await;
    assert!(letters.iter().all(|letter| handler.tries(letter) == 4));
    stage.ends_clean().await
}

pub async fn an_interrupted_message_is_handled_at_the_second_try(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let handler = Handler::new(|_, tries| if tries == 1 { Will::Fail(HandleError::Interrupted) } else { Will::Handle });
    let consumer = stage.consume(&handler);
    let letters = requests(5)?;
    stage.publish(&letters).await;
    handler.has_handled(&letters).await;
    consumer.stop().await;
    assert!(letters.iter().all(|letter| handler.tries(letter) == 2));
    stage.ends_clean().await
}

pub async fn a_failure_is_set_aside_and_recovered_by_a_retry(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let fails = |tries| if tries < 3 { Will::Fail(HandleError::Failed("no luck".to_owned())) } else { Will::Handle };
    let handler = Handler::new(move |_, tries| fails(tries));
    let consumer = stage.consume(&handler);
    let letter = request()?;
    stage.publish(std::slice::from_ref(&letter)).await;
    until("it is set aside", || async { stage.parked().await.len() == 1 }).await;
    let aside = stage.parked().await.remove(0);
    assert_eq!(
        (aside.body.as_slice(), aside.state, aside.error.as_str()),
        (letter.body.as_bytes(), State::Retrying, "no luck")
    );
    assert_eq!(aside.message_id, Some(letter.id.to_string()));
    stage.hands.advance(RETRIES);
    until("it has failed again", || async { handler.tries(&letter) == 2 }).await;
    stage.hands.advance(RETRIES);
    until("it is recovered", || async { stage.parked().await.is_empty() }).await;
    assert_eq!(handler.tries(&letter), 3);
    consumer.stop().await;
    stage.ends_clean().await
}

pub async fn a_message_that_always_fails_is_parked_and_blocks_nobody(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let (unlucky, letters) = (request()?, requests(20)?);
    let id = unlucky.id;
    let handler = Handler::new(move |event, _| match event {
        event if event == id => Will::Fail(HandleError::Failed("never \0".to_owned())),
        _ => Will::Handle,
    });
    let consumer = stage.consume(&handler);
    stage.publish(std::slice::from_ref(&unlucky)).await;
    stage.publish(&letters).await;
    handler.has_handled(&letters).await;
    until("it is parked", || async {
        stage.hands.advance(RETRIES);
        stage.parked().await.iter().any(|message| message.state == State::Parked)
    })
    .await;
    assert_eq!(u32::try_from(handler.tries(&unlucky))?, MAX_ATTEMPTS);
    let parked = stage.parked().await.remove(0);
    assert!(parking::discard(&stage.store, parked.id).await?);
    consumer.stop().await;
    stage.ends_clean().await
}

pub async fn poison_is_kept_with_its_reason_and_blocks_nobody(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let letters = requests(20)?;
    let poison = [
        sealed("not JSON"),
        sealed(""),
        sealed(&letters[0].body.replace("\"1.0\"", "\"9\"")),
        sealed(&" ".repeat(9_000)),
    ];
    let unknown = request()?;
    let id = unknown.id;
    let handler = Handler::new(move |event, _| match event {
        event if event == id => {
            Will::Fail(HandleError::Poison(messaging::Poison::UnknownType("gozon.x.v2".to_owned())))
        }
        _ => Will::Handle,
    });
    let consumer = stage.consume(&handler);
    stage.publish(&poison).await;
    stage.publish(std::slice::from_ref(&unknown)).await;
    stage.publish(&letters).await;
    handler.has_handled(&letters).await;
    until("all poison is kept", || async { stage.dead().await.len() == 5 }).await;
    let dead = stage.dead().await;
    for (body, reason) in
        [(poison[0].body.as_str(), "not a CloudEvent"), (&poison[3].body, "9000 bytes"), (&unknown.body, "gozon.x.v2")]
    {
        assert!(dead.iter().any(|letter| letter.body == body.as_bytes() && letter.reason.contains(reason)), "{reason}");
    }
    consumer.stop().await;
    stage.forget_dead().await?;
    stage.ends_clean().await
}

pub async fn a_handle_that_panics_is_restarted_and_nothing_is_lost(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let letters = requests(100)?;
    let unlucky = letters[40].id;
    let handler =
        Handler::new(move |event, tries| if event == unlucky && tries == 1 { Will::Panic } else { Will::Handle });
    let consumer = stage.consume(&handler);
    stage.publish(&letters).await;
    handler.has_handled(&letters).await;
    assert_eq!(stage.vitals.restarts("inbox-consumer"), 1);
    assert!(consumer.alive());
    consumer.stop().await;
    assert_eq!(handler.tries(&letters[40]), 2);
    stage.ends_clean().await
}

pub async fn a_message_that_always_panics_is_set_aside_and_blocks_nobody(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let (letters, behind) = (requests(20)?, requests(20)?);
    let unlucky = letters[7].id;
    let handler = Handler::new(move |event, _| if event == unlucky { Will::Panic } else { Will::Handle });
    let consumer = stage.consume(&handler);
    stage.publish(&letters).await;
    until("it is set aside", || async { stage.parked().await.len() == 1 }).await;
    stage.publish(&behind).await;
    handler.has_handled(&behind).await;
    let others: Vec<_> = letters.iter().filter(|letter| letter.id != unlucky).cloned().collect();
    handler.has_handled(&others).await;
    assert_eq!(stage.vitals.restarts("inbox-consumer"), 1);
    let aside = stage.parked().await.remove(0);
    assert_eq!((aside.message_id, aside.error.as_str()), (Some(unlucky.to_string()), "handling was interrupted"));
    assert!(parking::discard(&stage.store, aside.id).await?);
    consumer.stop().await;
    stage.ends_clean().await
}

pub async fn a_retry_that_panics_counts_as_a_failure(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let handler = Handler::new(|_, _| Will::Panic);
    let letter = request()?;
    let (body, now) = (letter.body.as_bytes(), stage.hands.now());
    parking::save(&stage.store, PAYMENTS_REQUESTS.name, None, body, State::Retrying, "first", now).await?;
    let consumer = stage.consume(&handler);
    until("it is parked", || async {
        stage.hands.advance(RETRIES);
        stage.parked().await.iter().any(|message| message.state == State::Parked)
    })
    .await;
    assert_eq!((handler.tries(&letter), stage.vitals.restarts("inbox-retry")), (5, 0));
    consumer.stop().await;
    assert!(parking::discard(&stage.store, stage.parked().await.remove(0).id).await?);
    stage.ends_clean().await
}

pub async fn a_consumer_that_stops_lets_what_is_under_way_end(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let handler = Handler::gated();
    let consumer = stage.consume(&handler);
    let letters = requests(10)?;
    stage.publish(&letters).await;
    until("all are under way", || async { letters.iter().all(|letter| handler.tries(letter) == 1) }).await;
    let stopping = actix::spawn({
        let consumer = consumer.clone();
        async move { consumer.stop().await }
    });
    handler.open_gate(letters.len());
    stopping.await?;
    handler.has_handled(&letters).await;
    // Nobody consumes now: what comes next waits.
    let later = request()?;
    let publishing = stage.publish_later(std::slice::from_ref(&later));
    let mut subscription = stage.broker.subscribe(PAYMENTS_REQUESTS, 10);
    let mut came = crate::laws::take(&mut subscription, 1).await?;
    assert_eq!((came.len(), came[0].body.as_slice()), (1, later.body.as_bytes()));
    came.remove(0).receipt.settle(Settlement::Done);
    publishing.await?;
    drop(subscription);
    assert_eq!(handler.tries(&later), 0);
    stage.ends_clean().await
}
