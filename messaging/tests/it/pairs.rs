//! Pairs: whose messages a database decides, and when it learns whose.

use crate::{
    database::{Database, TestResult},
    handler::{Handler, Will},
    letters::{payload, request},
    stage::Stage,
    wait::until,
};
use messaging::{
    Ends, Letter, Pair,
    consumer::{HandleError, Pairing},
    parking::{self, State},
};
use store::Micros;
use uuid::Uuid;

fn between(origin: Uuid, peer: Option<Uuid>) -> TestResult<Letter> {
    Ok(Letter::seal(&payload()?, Micros(1), Ends { origin: Some(origin), peer }, None))
}

async fn pair(stage: &Stage) -> TestResult<(Pair, Uuid)> {
    let pair = Pair::default();
    pair.read(&stage.store).await?;
    let own = pair.ends().origin.ok_or("the migration makes an identity")?;
    Ok((pair, own))
}

pub async fn the_first_to_be_answered_is_the_partner_and_whoever_comes_later_is_set_aside(
    database: Database,
) -> TestResult {
    let stage = Stage::set(&database).await?;
    let (pair, own) = pair(&stage).await?;
    let (partner, stranger) = (Uuid::now_v7(), Uuid::now_v7());
    let handler = Handler::new(|_, _| Will::Handle);
    let consumer = stage.consume_as(&handler, &pair, Pairing::BeforeDeciding);
    let first = between(partner, None)?;
    stage.publish(std::slice::from_ref(&first)).await;
    handler.has_handled(std::slice::from_ref(&first)).await;
    assert_eq!(pair.ends(), Ends { origin: Some(own), peer: Some(partner) });

    let foreign = [between(stranger, None)?, between(stranger, Some(own))?, between(partner, Some(stranger))?];
    let ours = [between(partner, Some(own))?, request()?];
    stage.publish(&[foreign.as_slice(), ours.as_slice()].concat()).await;
    handler.has_handled(&ours).await;
    until("the others are set aside", || async { stage.parked().await.len() == 3 }).await;
    for message in stage.parked().await {
        assert_eq!(message.state, State::Parked);
        assert!(message.error.starts_with("another shop: "), "{}", message.error);
        // Tried again it is still another shop's.
        assert!(parking::replay(&stage.store, message.id, stage.hands.clock().now()).await?);
    }
    until("they are parked once more", || async {
        pair.health() == Ok(6) && stage.parked().await.iter().all(|message| message.state == State::Parked)
    })
    .await;
    assert!(foreign.iter().all(|letter| handler.tries(letter) == 0), "nobody decides about them");
    consumer.stop().await;
    stage.forget_dead().await?;
    stage.ends_clean().await
}

pub async fn another_instance_that_learned_the_partner_first_is_believed(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let (here, _) = pair(&stage).await?;
    let (there, _) = pair(&stage).await?;
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    assert!(there.learn(&stage.store, first).await?);
    assert!(!here.learn(&stage.store, second).await?, "there is one partner");
    assert_eq!((here.ends(), here.ends().peer), (there.ends(), Some(first)));
    stage.ends_clean().await
}

pub async fn a_database_that_is_not_meant_takes_nothing_from_the_broker(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let (pair, _) = pair(&stage).await?;
    let handler = Handler::new(|_, _| Will::Handle);
    let consumer = stage.consume_as(&handler, &pair, Pairing::BeforeDeciding);
    let letters = [between(Uuid::now_v7(), Some(Uuid::now_v7()))?, request()?];
    let published = stage.publish_later(&letters[..1]);
    until("it says why", || async { pair.health().is_err() }).await;
    let more = stage.publish_later(&letters[1..]);
    // Whoever is meant has them all, and so has this one when it is known to belong there.
    let meant = Handler::new(|_, _| Will::Handle);
    let right = stage.consume(&meant);
    meant.has_handled(&letters).await;
    assert!(letters.iter().all(|letter| handler.tries(letter) == 0));
    right.stop().await;
    assert!(published.await?.iter().chain(&more.await?).all(Result::is_ok));
    assert!(pair.learn(&stage.store, Uuid::now_v7()).await?);
    pair.read(&stage.store).await?;
    assert_eq!(pair.health(), Ok(0));
    let letter = request()?;
    stage.publish(std::slice::from_ref(&letter)).await;
    handler.has_handled(std::slice::from_ref(&letter)).await;
    consumer.stop().await;
    stage.ends_clean().await
}

pub async fn who_asks_learns_its_partner_from_an_answer_that_it_can_use(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let (pair, own) = pair(&stage).await?;
    let useless = between(Uuid::now_v7(), None)?;
    let useless_id = useless.id;
    let handler = Handler::new(move |id, _| {
        if id == useless_id { Will::Fail(HandleError::Failed("no such order".to_owned())) } else { Will::Handle }
    });
    let consumer = stage.consume_as(&handler, &pair, Pairing::AfterAnswer);
    stage.publish(std::slice::from_ref(&useless)).await;
    until("it is set aside", || async { stage.parked().await.len() == 1 }).await;
    assert_eq!(pair.ends().peer, None);
    let partner = Uuid::now_v7();
    let answer = between(partner, Some(own))?;
    stage.publish(std::slice::from_ref(&answer)).await;
    until("the partner is known", || async { pair.ends().peer == Some(partner) }).await;
    consumer.stop().await;
    stage.forget_dead().await?;
    stage.ends_clean().await
}
