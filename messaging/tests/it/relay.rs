//! The relay when all goes well, and when its sender or the broker was away.

use crate::{
    database::{Database, TestResult},
    fake::{Hands, Published, broker_reachable_by, confirms, reachable_broker, relay, vitals},
    laws::take,
    letters::{bodies, requests, sorted},
    outbox::{append, append_until, rows},
    wait::until,
};
use messaging::{
    broker::{Broker, PAYMENTS_REQUESTS, Settlement, Subscription, memory::MemoryBroker},
    outbox,
};
use std::time::Duration;
use store::Micros;
use tokio::sync::watch;

pub const LEASE: Duration = Duration::from_secs(15);

pub async fn what_is_handed_over_is_published_and_deleted(database: Database) -> TestResult {
    let (store, hands, published) = (database.open().await?, Hands::new(), Published::default());
    let mut broker = reachable_broker();
    confirms(&mut broker, &published);
    let relay = relay(&store, broker, &hands, &vitals());
    let letters = requests(2_500)?;
    let lease = relay.lease(hands.now());
    assert_eq!(lease, hands.now().plus(LEASE));
    append_until(&store, &letters, lease).await?;
    relay.hand_over(letters.clone(), lease);
    until("the outbox is empty", || async { rows(&store).await == 0 }).await;
    assert_eq!(published.all(), letters);
    assert!(relay.alive());
    relay.drain().await;
    Ok(())
}

pub async fn rows_of_an_outage_are_swept_when_it_ends_before_any_that_come_later(database: Database) -> TestResult {
    let (store, hands, published) = (database.open().await?, Hands::new(), Published::default());
    let reachable = watch::Sender::new(false);
    let mut broker = broker_reachable_by(&reachable);
    confirms(&mut broker, &published);
    let relay = relay(&store, broker, &hands, &vitals());
    let (letters, lease) = (requests(3)?, relay.lease(hands.now()));
    assert_eq!(lease, Micros::EPOCH);
    append_until(&store, &letters, lease).await?;
    relay.hand_over(letters.clone(), lease);
    relay.hand_over(Vec::new(), hands.now());
    assert_eq!((published.len(), rows(&store).await), (0, 3));
    reachable.send_replace(true);
    assert_eq!(relay.lease(hands.now()), Micros::EPOCH, "the sweep has not been there");
    until("rows may be handed over again", || async { relay.lease(hands.now()) != Micros::EPOCH }).await;
    assert_eq!(outbox::claim(&store, hands.now(), LEASE, 1).await?, [], "a row waits while others may come");
    until("the outbox is empty", || async { rows(&store).await == 0 }).await;
    assert_eq!(
        sorted(published.all().into_iter().map(|letter| letter.id)),
        sorted(letters.iter().map(|letter| letter.id))
    );
    relay.drain().await;
    Ok(())
}

pub async fn the_lease_of_a_crashed_sender_runs_out_and_its_rows_are_swept(database: Database) -> TestResult {
    let (store, hands, published) = (database.open().await?, Hands::new(), Published::default());
    let letters = requests(3)?;
    append_until(&store, &letters, hands.now().plus(LEASE)).await?;
    let mut broker = reachable_broker();
    confirms(&mut broker, &published);
    let relay = relay(&store, broker, &hands, &vitals());
    // A row without a lease that is gone shows that the sweep has been there; the others it has passed by.
    append(&store, &requests(1)?).await?;
    until("the sweep has been there", || async { published.len() == 1 && rows(&store).await == 3 }).await;
    assert!(letters.iter().all(|letter| published.times(letter.id) == 0));
    hands.advance(LEASE);
    until("the outbox is empty", || async { rows(&store).await == 0 }).await;
    assert!(letters.iter().all(|letter| published.times(letter.id) == 1));
    relay.drain().await;
    Ok(())
}

/// A consumer behind the in-process broker may be slower than any lease.
pub async fn a_row_that_its_sender_holds_is_not_swept(database: Database) -> TestResult {
    let (store, hands, broker) = (database.open().await?, Hands::new(), MemoryBroker::new());
    let relay = relay(&store, broker.clone(), &hands, &vitals());
    let (mut letters, lease) = (requests(3)?, relay.lease(hands.now()));
    append_until(&store, &letters, lease).await?;
    relay.hand_over(letters.clone(), lease);
    let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 100);
    let mut took = take(&mut subscription, 3).await?;
    hands.advance(LEASE * 2);
    // Behind the others in the table; once it comes, the sweep has passed them.
    letters.extend(requests(1)?);
    append(&store, &letters[3..]).await?;
    took.extend(take(&mut subscription, 1).await?);
    assert_eq!(took.iter().map(|delivery| delivery.body.clone()).collect::<Vec<_>>(), bodies(&letters));
    took.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    until("the outbox is empty", || async { rows(&store).await == 0 }).await;
    relay.drain().await;
    Ok(())
}

pub async fn draining_waits_for_what_is_held(database: Database) -> TestResult {
    let (store, hands, broker) = (database.open().await?, Hands::new(), MemoryBroker::new());
    let relay = relay(&store, broker.clone(), &hands, &vitals());
    let (letters, lease) = (requests(5)?, relay.lease(hands.now()));
    append_until(&store, &letters, lease).await?;
    relay.hand_over(letters, lease);
    let draining = actix::spawn({
        let relay = relay.clone();
        async move { relay.drain().await }
    });
    let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 100);
    let took = take(&mut subscription, 5).await?;
    assert!(!draining.is_finished());
    took.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    draining.await?;
    assert_eq!(rows(&store).await, 0);
    Ok(())
}

pub async fn thousands_of_rows_are_swept_without_a_rest(database: Database) -> TestResult {
    let (store, hands, published) = (database.open().await?, Hands::new(), Published::default());
    let letters = requests(5_000)?;
    append(&store, &letters).await?;
    let mut broker = reachable_broker();
    confirms(&mut broker, &published);
    let relay = relay(&store, broker, &hands, &vitals());
    until("the outbox is empty", || async { rows(&store).await == 0 }).await;
    assert_eq!(
        sorted(published.all().into_iter().map(|letter| letter.id)),
        sorted(letters.iter().map(|letter| letter.id))
    );
    relay.drain().await;
    Ok(())
}

/// Takes and settles so many deliveries at least, and gives their bodies.
async fn taken(subscription: &mut Box<dyn Subscription>, number: usize) -> TestResult<Vec<Vec<u8>>> {
    let mut bodies = Vec::new();
    while bodies.len() < number {
        for delivery in take(subscription, 1).await? {
            bodies.push(delivery.body);
            delivery.receipt.settle(Settlement::Done);
        }
    }
    Ok(bodies)
}

/// The most that the relay holds, in letters.
const MOST_HELD: usize = 20_000;

pub async fn whoever_was_left_to_the_sweep_is_not_overtaken_by_all_who_come_later(database: Database) -> TestResult {
    let (store, hands, broker) = (database.open().await?, Hands::new(), MemoryBroker::new());
    let relay = relay(&store, broker.clone(), &hands, &vitals());
    let (letters, lease) = (requests(MOST_HELD + 100)?, relay.lease(hands.now()));
    let (held, left) = letters.split_at(MOST_HELD);
    append_until(&store, held, lease).await?;
    relay.hand_over(held.to_vec(), lease);
    assert_eq!(relay.lease(hands.now()), Micros::EPOCH, "no more than this is held");
    append(&store, left).await?;
    relay.hand_over(left.to_vec(), Micros::EPOCH);
    let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 1_000);
    let mut came = taken(&mut subscription, 1_000).await?;
    until("there is room", || async { relay.lease(hands.now()) != Micros::EPOCH }).await;
    assert_eq!(outbox::claim(&store, hands.now(), LEASE, 1).await?, [], "a row waits while others may come");
    came.extend(taken(&mut subscription, letters.len() - came.len()).await?);
    assert_eq!(came[MOST_HELD..], bodies(left));
    relay.drain().await;
    Ok(())
}

/// SQLite has one writer and belongs to one process, so only PostgreSQL has several instances.
#[cfg(feature = "servers")]
#[actix::test]
async fn two_relays_on_one_database_never_publish_the_same_row() -> TestResult {
    crate::database::with_database(crate::database::Kind::Postgres, |database| async move {
        let (hands, published) = (Hands::new(), Published::default());
        let letters = requests(5_000)?;
        append(&database.open().await?, &letters).await?;
        let mut relays = Vec::new();
        for _ in 0..2 {
            let mut broker = reachable_broker();
            confirms(&mut broker, &published);
            relays.push(relay(&database.open().await?, broker, &hands, &vitals()));
        }
        let store = database.open().await?;
        until("the outbox is empty", || async { rows(&store).await == 0 }).await;
        let ids = published.all().into_iter().map(|letter| letter.id);
        assert_eq!(sorted(ids), sorted(letters.iter().map(|letter| letter.id)));
        for relay in relays {
            relay.drain().await;
        }
        Ok(())
    })
    .await
}
