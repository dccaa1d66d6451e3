//! What only Kafka can do: give partitions from one to another under load, keep a position, tell what it was asked by key. And what
//! only its mock does at a word: be away, refuse, stall.

use crate::{
    database::TestResult,
    laws::{Harness, KafkaHarness, Log, announcement, beside, hear, publish, take},
    letters::{bodies, publish_surely, requests, sorted},
    wait::{until, within_limit},
};
use messaging::{
    Letter,
    broker::{Broker, DeadLetter, Delivery, Heard, PAYMENTS_REQUESTS, PublishError, Settlement, Verdict, kafka::Kafka},
};
use rdkafka::{bindings::rd_kafka_resp_err_t as Fault, types::RDKafkaApiKey};
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Letters that are published and not handled.
const MOST_AHEAD: usize = 1_000;

/// What was handled, by however many consumers.
#[derive(Clone, Default)]
struct Done(Arc<Mutex<HashSet<Vec<u8>>>>);

impl Done {
    fn lock(&self) -> MutexGuard<'_, HashSet<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn has(&self, letters: &[Letter]) {
        until("all letters are done", || async {
            let done = self.lock();
            letters.iter().all(|letter| done.contains(letter.body.as_bytes()))
        })
        .await;
    }
}

/// Every so many deliveries one is held back, until so many others are handled: a position must wait for it.
const HELD_BACK: (usize, usize) = (20, 400);

/// Handles everything until stopped; those of one delivery from back to front, and some much later, so that offsets wait for each other.
struct Consuming {
    handled: Arc<AtomicUsize>,
    /// Cancelled when nothing shall be held back any more.
    hurry: CancellationToken,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Consuming {
    fn start(broker: &Kafka, done: &Done) -> Self {
        let consuming = Self::start_holding_back(broker, done);
        consuming.hurry.cancel();
        consuming
    }

    fn start_holding_back(broker: &Kafka, done: &Done) -> Self {
        let (stop, handled) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let (token, done, number) = (stop.clone(), done.clone(), handled.clone());
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 100);
        let hurry = CancellationToken::new();
        let hurries = hurry.clone();
        let task = tokio::spawn(async move {
            let (mut held, mut came) = (VecDeque::new(), 0_usize);
            let settle = |delivery: Delivery| {
                done.lock().insert(delivery.body);
                delivery.receipt.settle(Settlement::Done);
                number.fetch_add(1, Ordering::SeqCst)
            };
            loop {
                let deliveries = tokio::select! {
                    () = token.cancelled() => break,
                    () = hurries.cancelled(), if !held.is_empty() => Some(Vec::new()),
                    deliveries = subscription.next() => deliveries,
                };
                for delivery in deliveries.unwrap_or_default().into_iter().rev() {
                    came += 1;
                    if came.is_multiple_of(HELD_BACK.0) && !hurries.is_cancelled() {
                        held.push_back((number.load(Ordering::SeqCst), delivery));
                    } else {
                        settle(delivery);
                        tokio::task::yield_now().await;
                    }
                }
                while let Some((since, _)) = held.front()
                    && (hurries.is_cancelled() || number.load(Ordering::SeqCst) > since + HELD_BACK.1)
                {
                    held.pop_front().map(|(_, delivery)| settle(delivery));
                }
            }
        });
        Self { handled, hurry, stop, task }
    }

    fn times(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }

    /// How many it handled.
    async fn end(self) -> TestResult<usize> {
        self.stop.cancel();
        self.task.await?;
        Ok(self.handled.load(Ordering::SeqCst))
    }
}

/// Waits until the group is at the end of the log.
async fn at_the_end(log: &Log) {
    until("the group is at the end", || async {
        let log = log.clone();
        let positions = beside(move || log.positions(PAYMENTS_REQUESTS)).await.unwrap_or_default();
        !positions.is_empty() && positions.iter().all(|(at, end)| at == end)
    })
    .await;
}

/// Where the group stood at some moment, and what was handled then at the latest.
type Glance = (Vec<(i64, i64)>, HashSet<Vec<u8>>);

async fn glance(log: &Log, done: &Done) -> TestResult<Glance> {
    let log = log.clone();
    let positions = beside(move || log.positions(PAYMENTS_REQUESTS)).await?;
    Ok((positions, done.lock().clone()))
}

/// No position has passed a message that was not handled.
async fn check(log: &Log, glances: &[Glance]) -> TestResult {
    let (log, topic) = (log.clone(), log.name(PAYMENTS_REQUESTS));
    let written = beside(move || log.read(&topic)).await?;
    let mut lying: HashMap<i32, BTreeMap<i64, Vec<u8>>> = HashMap::new();
    for one in written {
        lying.entry(one.partition).or_default().insert(one.offset, one.body);
    }
    for (positions, done) in glances {
        for (partition, (position, _)) in positions.iter().enumerate() {
            let passed = lying.get(&i32::try_from(partition)?).into_iter().flat_map(|log| log.range(..position));
            for (offset, body) in passed {
                assert!(done.contains(body), "{partition}/{offset} was passed and not handled");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_come_and_go_under_load_lose_nothing_and_pass_nothing_that_is_open() -> TestResult {
    let harness = KafkaHarness::start().await?;
    let (log, done) = (harness.log.clone(), Done::default());
    let other = KafkaHarness::on(log.clone()).await?;
    let load = CancellationToken::new();
    let publishing = tokio::spawn(publish_for_as_long(harness.kafka.clone(), done.clone(), load.clone()));
    let one = Consuming::start_holding_back(&harness.kafka, &done);
    until("there is load", || async { one.times() > 500 }).await;
    let mut glances = vec![glance(&log, &done).await?];
    let two = Consuming::start_holding_back(&other.kafka, &done);
    let looking = async {
        while two.times() <= 500 {
            glances.push(glance(&log, &done).await?);
        }
        TestResult::Ok(())
    };
    within_limit("the other one to work as well", looking).await?;
    assert!(one.end().await? > 500);
    glances.push(glance(&log, &done).await?);
    let before = two.times();
    until("the other one works alone", || async { two.times() > before + 1_000 }).await;
    load.cancel();
    two.hurry.cancel();
    let letters = within_limit("the publisher", publishing).await?;
    done.has(&letters).await;
    at_the_end(&log).await;
    two.end().await?;
    glances.push(glance(&log, &done).await?);
    check(&log, &glances).await?;
    harness.kafka.close().await;
    other.end().await
}

/// Publishes until it is told to stop, never far ahead of those who handle; returns what it has published.
async fn publish_for_as_long(kafka: Kafka, done: Done, load: CancellationToken) -> Vec<Letter> {
    let mut published = Vec::new();
    while !load.is_cancelled() {
        let letters = requests(20).expect("letters");
        publish_surely(&kafka, &letters).await;
        published.extend(letters);
        until("they keep up", || async { published.len() < done.lock().len() + MOST_AHEAD }).await;
    }
    published
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_said_to_be_and_comes_back_with_everything() -> TestResult {
    let harness = KafkaHarness::on(beside(|| Log::mocked(3)).await?).await?;
    let (kafka, done, mock) = (harness.kafka.clone(), Done::default(), harness.log.mock().clone());
    let consuming = Consuming::start(&kafka, &done);
    let mut listener = kafka.listen();
    assert_eq!(hear(&mut listener).await?, Heard::Back);
    let letters = requests(200)?;
    publish_surely(&kafka, &letters).await;
    done.has(&letters).await;
    mock.with(|cluster| cluster.broker_down(-1))??;
    within_limit("the loss to be noticed", kafka.reachable().wait_for(|reachable| !reachable)).await?;
    assert_eq!(kafka.publish(&requests(3)?).await, vec![Err(PublishError::Unreachable); 3]);
    assert_eq!(hear(&mut listener).await?, Heard::Lost);
    mock.with(|cluster| cluster.broker_up(-1))??;
    let letters = requests(200)?;
    publish_surely(&kafka, &letters).await;
    done.has(&letters).await;
    assert_eq!(hear(&mut listener).await?, Heard::Back);
    let said = announcement();
    kafka.announce(said.clone()).await;
    assert_eq!(hear(&mut listener).await?, Heard::Message(said.body.into_bytes()));
    consuming.end().await?;
    harness.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stalls_is_given_up_and_a_slow_one_is_not() -> TestResult {
    let harness = KafkaHarness::on(beside(|| Log::mocked(1)).await?).await?;
    let (kafka, done, mock) = (harness.kafka.clone(), Done::default(), harness.log.mock().clone());
    let consuming = Consuming::start(&kafka, &done);
    let mut reachable = kafka.reachable();
    reachable.mark_unchanged();
    mock.with(|cluster| cluster.broker_round_trip_time(-1, Duration::from_millis(400)))??;
    let slow = requests(2_000)?;
    let answers = slow.chunks(500).map(|batch| publish(&harness.broker(), batch)).collect::<Vec<_>>();
    for answer in answers {
        assert_eq!(within_limit("the answers", answer).await?, vec![Ok(()); 500]);
    }
    assert!(!reachable.has_changed()?, "the connection was given up");
    mock.with(|cluster| cluster.broker_round_trip_time(-1, Duration::from_secs(3_600)))??;
    let answers = within_limit("the answers", kafka.publish(&requests(3)?)).await;
    assert_eq!(answers, vec![Err(PublishError::Unreachable); 3]);
    within_limit("the silence to be noticed", reachable.wait_for(|reachable| !reachable)).await?;
    mock.with(|cluster| cluster.broker_round_trip_time(-1, Duration::ZERO))??;
    let letters = requests(10)?;
    publish_surely(&kafka, &letters).await;
    done.has(&slow).await;
    done.has(&letters).await;
    consuming.end().await?;
    harness.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_pass_cost_nothing_and_one_that_does_not_is_named() -> TestResult {
    let harness = KafkaHarness::on(beside(|| Log::mocked(1)).await?).await?;
    let (kafka, done, mock) = (harness.kafka.clone(), Done::default(), harness.log.mock().clone());
    let consuming = Consuming::start(&kafka, &done);
    mock.with(|cluster| {
        let passing = [
            Fault::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            Fault::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            Fault::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            Fault::RD_KAFKA_RESP_ERR__TRANSPORT,
        ];
        cluster.request_errors(RDKafkaApiKey::Produce, &passing);
        let commits =
            [Fault::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, Fault::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT];
        cluster.request_errors(RDKafkaApiKey::OffsetCommit, &commits);
        cluster.request_errors(RDKafkaApiKey::Fetch, &[Fault::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 3]);
    })?;
    let letters = requests(300)?;
    publish_surely(&kafka, &letters).await;
    done.has(&letters).await;
    mock.with(|cluster| {
        cluster.request_errors(RDKafkaApiKey::Produce, &[Fault::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE])
    })?;
    let refused = requests(1)?;
    assert_eq!(kafka.publish(&refused).await, [Err(PublishError::Refused)]);
    publish_surely(&kafka, &refused).await;
    done.has(&refused).await;
    // With what the mock has written twice: it does not know a message again that is sent once more.
    at_the_end(&harness.log).await;
    consuming.end().await?;
    harness.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_one_partition_and_a_message_says_in_headers_what_it_is() -> TestResult {
    let harness = KafkaHarness::start().await?;
    let letters = requests(400)?;
    publish_surely(&harness.kafka, &letters).await;
    let (log, topic) = (harness.log.clone(), harness.log.name(PAYMENTS_REQUESTS));
    let written = beside(move || log.read(&topic)).await?;
    let mut of_users: HashMap<_, Vec<_>> = HashMap::new();
    for one in &written {
        of_users.entry(one.key.clone().ok_or("no key")?).or_default().push(one);
    }
    assert_eq!(of_users.len(), 20);
    for (user, messages) in of_users {
        assert!(messages.iter().all(|one| one.partition == messages[0].partition), "{user} is in several");
        let sent = letters.iter().filter(|letter| letter.partition_key == user);
        let sent: Vec<_> = sent.map(|letter| letter.body.as_bytes()).collect();
        assert_eq!(messages.iter().map(|one| one.body.as_slice()).collect::<Vec<_>>(), sent);
    }
    let headers = &written[0].headers;
    let body: serde_json::Value = serde_json::from_slice(&written[0].body)?;
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    assert_eq!((&body["id"], &body["type"]), (&headers["ce_id"].as_str().into(), &headers["ce_type"].as_str().into()));
    harness.end().await
}

/// Has the messages dead-lettered, each with an id and a reason of its own.
async fn bury(harness: &KafkaHarness, letters: &[Letter]) -> TestResult {
    let mut subscription = harness.kafka.subscribe(PAYMENTS_REQUESTS, 100);
    for delivery in take(&mut subscription, letters.len()).await? {
        let index = letters.iter().position(|letter| letter.body.as_bytes() == delivery.body).ok_or("a stranger")?;
        let (id, reason, body) = (index.to_string(), format!("because of {index}"), delivery.body);
        delivery.receipt.settle(Settlement::Dead(Box::new(DeadLetter { id, reason, body })));
    }
    until("all are kept", || async {
        harness.dead(PAYMENTS_REQUESTS).await.is_ok_and(|dead| dead.len() == letters.len())
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_says_why_and_where_it_lay_and_an_operator_settles_it_once() -> TestResult {
    let harness = KafkaHarness::start().await?;
    let letters = requests(6)?;
    publish_surely(&harness.kafka, &letters).await;
    bury(&harness, &letters).await?;
    let (log, topic) = (harness.log.clone(), harness.log.name(PAYMENTS_REQUESTS));
    let (alive, dead) = beside(move || Ok((log.read(&topic)?, log.read(&format!("{topic}.dead"))?))).await?;
    for one in &dead {
        let original = alive.iter().find(|alive| alive.body == one.body).ok_or("a stranger")?;
        let place = format!("{}/{}/{}", harness.log.name(PAYMENTS_REQUESTS), original.partition, original.offset);
        assert_eq!((&one.headers["x-gozon-place"], &one.key), (&place, &original.key));
        assert_eq!(one.headers["x-gozon-reason"], format!("because of {}", one.headers["ce_id"]));
    }
    let judge = |letter: &DeadLetter| match letter.id.as_str() {
        "0" | "3" => Verdict::Replay,
        "1" => Verdict::Discard,
        _ => Verdict::Keep,
    };
    harness.kafka.dead_letters(PAYMENTS_REQUESTS, judge).await?;
    let mut subscription = harness.kafka.subscribe(PAYMENTS_REQUESTS, 10);
    let came = take(&mut subscription, 2).await?;
    let replayed = [letters[0].clone(), letters[3].clone()];
    assert_eq!(sorted(came.iter().map(|delivery| delivery.body.clone())), sorted(bodies(&replayed)));
    came.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    let ids = sorted(harness.dead(PAYMENTS_REQUESTS).await?.into_iter().map(|letter| letter.id));
    assert_eq!(ids, ["2", "4", "5"]);
    drop(subscription);
    assert_eq!(harness.left(PAYMENTS_REQUESTS).await?, 0);
    harness.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_topics_the_broker_is_not_reachable_and_with_them_it_is() -> TestResult {
    let log = beside(|| Log::bare(1)).await?;
    let kafka = Kafka::start(log.options())?;
    let letters = requests(2)?;
    assert_eq!(kafka.publish(&letters).await, vec![Err(PublishError::Unreachable); 2]);
    let mut reachable = kafka.reachable();
    for topic in log.topics() {
        assert!(!*reachable.borrow());
        log.mock().topic(&topic, 3)?;
    }
    within_limit("the broker", reachable.wait_for(|reachable| *reachable)).await?;
    publish_surely(&kafka, &letters).await;
    within_limit("the end", kafka.close()).await;
    Ok(())
}
