//! The relay when the broker refuses, loses confirms or panics, and when the database fails after the publish.

use crate::{
    database::{Database, Kind, TestError, TestResult},
    fake::{Hands, MockBroker, Published, confirms, reachable_broker, relay, vitals},
    letters::requests,
    outbox::{append, append_until, rows},
    relay::LEASE,
    wait::until,
};
use messaging::{Letter, broker::PublishError};
use sea_orm::ConnectionTrait;
use store::Store;

/// Answers the first publish of anything like this, and confirms from then on.
fn first_answers(
    published: &Published,
    answer: impl Fn(&Letter) -> Result<(), PublishError> + Send + 'static,
) -> MockBroker {
    let mut broker = reachable_broker();
    let seen = published.clone();
    broker.expect_publish().times(1).returning(move |batch| {
        seen.add(batch);
        batch.iter().map(&answer).collect()
    });
    confirms(&mut broker, published);
    broker
}

struct Stage {
    store: Store,
    hands: Hands,
    published: Published,
    letters: Vec<Letter>,
}

impl Stage {
    async fn set(database: &Database) -> TestResult<Self> {
        let (store, hands, published) = (database.open().await?, Hands::new(), Published::default());
        Ok(Self { store, hands, published, letters: requests(3)? })
    }

    /// Hands all letters to a relay on this broker, waits until it has let go of them, and checks how many rows stay behind.
    async fn begin(&self, broker: MockBroker, stay: i64) -> TestResult<messaging::relay::Relay> {
        let relay = relay(&self.store, broker, &self.hands, &vitals());
        let lease = relay.lease(self.hands.now());
        append_until(&self.store, &self.letters, lease).await?;
        relay.hand_over(self.letters.clone(), lease);
        until("the first publish is over", || async { format!("{relay:?}") == "Relay { held: 0 }" }).await;
        assert_eq!((self.published.len(), rows(&self.store).await), (3, stay));
        Ok(relay)
    }

    async fn ends_empty(&self, relay: messaging::relay::Relay, times: [usize; 3]) -> TestResult {
        until("the outbox is empty", || async { rows(&self.store).await == 0 }).await;
        assert_eq!([0, 1, 2].map(|index: usize| self.published.times(self.letters[index].id)), times);
        assert!(relay.alive());
        relay.drain().await;
        Ok(())
    }
}

pub async fn a_refused_message_is_published_later_under_the_same_id(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let refused = stage.letters[1].id;
    let broker =
        first_answers(
            &stage.published,
            move |letter| {
                if letter.id == refused { Err(PublishError::Refused) } else { Ok(()) }
            },
        );
    let relay = stage.begin(broker, 1).await?;
    stage.hands.advance(LEASE);
    stage.ends_empty(relay, [1, 2, 1]).await
}

/// As many as a sweep takes, and older than all others: they must not fill every sweep.
pub async fn a_returned_message_does_not_stand_in_the_way_of_others(database: Database) -> TestResult {
    let (store, hands, published) = (database.open().await?, Hands::new(), Published::default());
    let hopeless: Vec<_> = requests(1_500)?
        .into_iter()
        .map(|letter| Letter { routing_key: "payment.of-tomorrow".to_owned(), ..letter })
        .collect();
    append(&store, &hopeless).await?;
    let letters = requests(3)?;
    append(&store, &letters).await?;
    let mut broker = reachable_broker();
    let seen = published.clone();
    broker.expect_publish().returning(move |batch| {
        seen.add(batch);
        let routed = |letter: &Letter| letter.routing_key == "payment.requested";
        batch.iter().map(|letter| if routed(letter) { Ok(()) } else { Err(PublishError::Unroutable) }).collect()
    });
    let relay = relay(&store, broker, &hands, &vitals());
    until("the others are through", || async { rows(&store).await == 1_500 }).await;
    assert!(letters.iter().all(|letter| published.times(letter.id) == 1));
    assert!(
        hopeless.iter().all(|letter| published.times(letter.id) <= 1),
        "the clock stands still, and so do their leases"
    );
    hands.advance(LEASE);
    until("they are tried again", || async { published.times(hopeless[0].id) == 2 }).await;
    relay.drain().await;
    Ok(())
}

pub async fn a_message_whose_confirm_was_lost_is_published_again_under_the_same_id(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let lost = stage.letters[2].id;
    let broker =
        first_answers(
            &stage.published,
            move |letter| {
                if letter.id == lost { Err(PublishError::Unreachable) } else { Ok(()) }
            },
        );
    let relay = relay(&stage.store, broker, &stage.hands, &vitals());
    let lease = relay.lease(stage.hands.now());
    append_until(&stage.store, &stage.letters, lease).await?;
    relay.hand_over(stage.letters.clone(), lease);
    // Its lease is given back at once, so the clock need not move.
    stage.ends_empty(relay, [1, 1, 2]).await
}

pub async fn a_row_that_could_not_be_deleted_is_published_again_under_the_same_id(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    refuse(&database, &stage.store, "DELETE").await?;
    let mut broker = reachable_broker();
    confirms(&mut broker, &stage.published);
    let relay = stage.begin(broker, 3).await?;
    allow(&database, &stage.store).await?;
    stage.hands.advance(LEASE);
    stage.ends_empty(relay, [2, 2, 2]).await
}

pub async fn a_sweep_that_the_database_refuses_is_repeated(database: Database) -> TestResult {
    let (store, hands, published) = (database.open().await?, Hands::new(), Published::default());
    refuse(&database, &store, "UPDATE").await?;
    append(&store, &requests(3)?).await?;
    let mut broker = reachable_broker();
    confirms(&mut broker, &published);
    let relay = relay(&store, broker, &hands, &vitals());
    // One that is handed over needs no UPDATE and shows that the relay is alive.
    let (letters, lease) = (requests(1)?, relay.lease(hands.now()));
    append_until(&store, &letters, lease).await?;
    relay.hand_over(letters, lease);
    until("that one is through", || async { rows(&store).await == 3 }).await;
    allow(&database, &store).await?;
    until("the outbox is empty", || async { rows(&store).await == 0 }).await;
    assert_eq!(published.len(), 4);
    relay.drain().await;
    Ok(())
}

pub async fn a_broker_that_panics_costs_a_restart_and_no_message(database: Database) -> TestResult {
    let stage = Stage::set(&database).await?;
    let mut broker = reachable_broker();
    let seen = stage.published.clone();
    broker.expect_publish().times(1).returning(move |batch| {
        seen.add(batch);
        panic!("unlucky");
    });
    confirms(&mut broker, &stage.published);
    let vitals = vitals();
    let relay = relay(&stage.store, broker, &stage.hands, &vitals);
    let lease = relay.lease(stage.hands.now());
    append_until(&stage.store, &stage.letters, lease).await?;
    relay.hand_over(stage.letters.clone(), lease);
    until("the actor was restarted", || async { vitals.restarts("outbox-relay") == 1 }).await;
    stage.hands.advance(LEASE);
    stage.ends_empty(relay, [2, 2, 2]).await
}

/// Has the database refuse one kind of statement on the outbox.
async fn refuse(database: &Database, store: &Store, what: &str) -> TestResult {
    let sql = match database.kind {
        Kind::Sqlite => {
            format!("CREATE TRIGGER refused BEFORE {what} ON outbox BEGIN SELECT RAISE(ABORT, 'refused'); END")
        }
        #[cfg(feature = "servers")]
        Kind::Postgres => format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
             CREATE TRIGGER refused BEFORE {what} ON outbox FOR EACH ROW EXECUTE FUNCTION refuse()"
        ),
    };
    store.connection().execute_unprepared(&sql).await.map(drop).map_err(TestError::from)
}

async fn allow(database: &Database, store: &Store) -> TestResult {
    let sql = match database.kind {
        Kind::Sqlite => "DROP TRIGGER refused",
        #[cfg(feature = "servers")]
        Kind::Postgres => "DROP TRIGGER refused ON outbox",
    };
    store.connection().execute_unprepared(sql).await.map(drop).map_err(TestError::from)
}
