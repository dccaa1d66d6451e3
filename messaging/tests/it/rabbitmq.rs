//! What only RabbitMQ can do: lose its connection, be killed, deleted, frozen, and keep dead letters for an operator.

use crate::{
    database::TestResult,
    laws::{Harness, RabbitHarness, Topology, announcement, hear, publish, take},
    letters::{bodies, publish_surely, request, requests, sorted},
    wait::{until, within_limit},
};
use messaging::{
    Letter,
    broker::{Broker, DeadLetter, Heard, PAYMENTS_REQUESTS, Settlement, Verdict, rabbitmq::RabbitMq},
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};
use testbed::Proxy;
use tokio_util::sync::CancellationToken;

/// Starts a RabbitMQ of a test's own; it blocks, so not on the runtime's threads.
async fn private() -> TestResult<testbed::RabbitMq> {
    Ok(tokio::task::spawn_blocking(|| testbed::RabbitMq::start(&std::env::temp_dir())).await??)
}

/// Consumes and acknowledges everything until stopped; returns the bodies in the order in which they were done.
async fn consume(broker: RabbitMq, seen: Arc<Mutex<Vec<Vec<u8>>>>, stop: CancellationToken) {
    let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 100);
    while let Some(Some(deliveries)) = stop.run_until_cancelled(subscription.next()).await {
        for delivery in deliveries {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(delivery.body);
            delivery.receipt.settle(Settlement::Done);
        }
    }
}

struct Consuming {
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Consuming {
    fn start(broker: &RabbitMq) -> Self {
        let (seen, stop) = (Arc::default(), CancellationToken::new());
        let task = tokio::spawn(consume(broker.clone(), Arc::clone(&seen), stop.clone()));
        Self { seen, stop, task }
    }

    async fn has_seen(&self, letters: &[Letter]) {
        until("all letters have come", || async {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let seen: HashSet<&[u8]> = seen.iter().map(Vec::as_slice).collect();
            letters.iter().all(|letter| seen.contains(letter.body.as_bytes()))
        })
        .await;
    }

    fn times(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn end(self) -> TestResult {
        self.stop.cancel();
        Ok(self.task.await?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_under_load_comes_back_and_nothing_confirmed_is_lost() -> TestResult {
    let mut server = private().await?;
    let rabbit = RabbitMq::start(Topology::new(server.url()).options())?;
    let consuming = Consuming::start(&rabbit);
    let letters = requests(6_000)?;
    let publishing = tokio::spawn({
        let (rabbit, letters) = (rabbit.clone(), letters.clone());
        async move {
            for batch in letters.chunks(50) {
                publish_surely(&rabbit, batch).await;
            }
        }
    });
    for turn in 0..=2 {
        until("there is load", || async { consuming.times() > turn * 500 }).await;
        server = tokio::task::spawn_blocking(move || {
            // A queue that is younger than some seconds does not survive a kill: RabbitMQ notes its members on the disk later.
            if turn == 0 {
                server.restart()?;
            } else {
                server.kill_9()?;
                server.start_again()?;
            }
            anyhow_free(server)
        })
        .await??;
    }
    within_limit("the publisher", publishing).await?;
    consuming.has_seen(&letters).await;
    consuming.end().await?;
    within_limit("the end", rabbit.close()).await;
    Ok(())
}

/// Lets a closure that uses `?` name its error.
fn anyhow_free(server: testbed::RabbitMq) -> TestResult<testbed::RabbitMq> {
    Ok(server)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_stays_done_and_what_is_not_comes_again_after_a_restart_of_the_broker() -> TestResult {
    let mut server = private().await?;
    let topology = Topology::new(server.url());
    let rabbit = RabbitMq::start(topology.options())?;
    let letters = requests(150)?;
    publish_surely(&rabbit, &letters).await;
    let mut subscription = rabbit.subscribe(PAYMENTS_REQUESTS, 100);
    let mut held = take(&mut subscription, 100).await?;
    held.drain(..50).for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    // Within the prefetch there is room for these only once the broker has let go of all those that are done.
    held.extend(take(&mut subscription, 50).await?);
    let mut open: Vec<_> = held.iter().map(|delivery| delivery.body.clone()).collect();
    drop((subscription, held));
    within_limit("the end", rabbit.close()).await;
    let server = tokio::task::spawn_blocking(move || {
        server.restart()?;
        anyhow_free(server)
    })
    .await??;
    let rabbit = RabbitMq::start(topology.options())?;
    let mut subscription = rabbit.subscribe(PAYMENTS_REQUESTS, 200);
    let last = request()?;
    publish_surely(&rabbit, std::slice::from_ref(&last)).await;
    let came = take(&mut subscription, open.len() + 1).await?;
    open.push(last.body.into_bytes());
    assert_eq!(sorted(came.iter().map(|delivery| delivery.body.clone())), sorted(open));
    rabbit.close().await;
    drop(server);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_up_later_is_found() -> TestResult {
    let mut server = private().await?;
    let url = server.url();
    let server = tokio::task::spawn_blocking(move || {
        server.stop()?;
        server.wipe()?;
        anyhow_free(server)
    })
    .await??;
    let rabbit = RabbitMq::start(Topology::new(url).options())?;
    assert_eq!(rabbit.publish(&requests(2)?).await.len(), 2);
    let consuming = Consuming::start(&rabbit);
    let _server = tokio::task::spawn_blocking(move || {
        let mut server = server;
        server.start_again()?;
        anyhow_free(server)
    })
    .await??;
    let letters = requests(10)?;
    publish_surely(&rabbit, &letters).await;
    consuming.has_seen(&letters).await;
    consuming.end().await?;
    rabbit.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_deleted_is_declared_again_for_publisher_and_subscriber() -> TestResult {
    let harness = RabbitHarness::start().await?;
    let consuming = Consuming::start(&harness.rabbit);
    for _ in 0..5 {
        let letters = requests(200)?;
        publish_surely(&harness.rabbit, &letters).await;
        consuming.has_seen(&letters).await;
        harness.topology.delete_queue(PAYMENTS_REQUESTS).await?;
        let letters = requests(20)?;
        publish_surely(&harness.rabbit, &letters).await;
        consuming.has_seen(&letters).await;
    }
    consuming.end().await?;
    harness.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_connection_is_noticed_by_both_sides_and_made_anew() -> TestResult {
    let url = testbed::amqp_url();
    let proxy = Proxy::start(testbed::address_of(&url)?)?;
    let topology = Topology::new(format!("{}?heartbeat=1", proxy.url(&url)));
    let rabbit = RabbitMq::start(topology.options())?;
    let consuming = Consuming::start(&rabbit);
    let letters = requests(10)?;
    publish_surely(&rabbit, &letters).await;
    consuming.has_seen(&letters).await;
    proxy.stall(true);
    within_limit("the stall to be noticed", rabbit.reachable().wait_for(|reachable| !reachable)).await?;
    proxy.stall(false);
    let letters = requests(10)?;
    publish_surely(&rabbit, &letters).await;
    consuming.has_seen(&letters).await;
    proxy.cut();
    let letters = requests(10)?;
    publish_surely(&rabbit, &letters).await;
    consuming.has_seen(&letters).await;
    consuming.end().await?;
    rabbit.close().await;
    Topology { url, ..topology }.delete().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_says_when_it_was_deaf_and_hears_again() -> TestResult {
    let url = testbed::amqp_url();
    let proxy = Proxy::start(testbed::address_of(&url)?)?;
    let topology = Topology::new(proxy.url(&url));
    let rabbit = RabbitMq::start(topology.options())?;
    let mut listener = rabbit.listen();
    for _ in 0..3 {
        assert_eq!(hear(&mut listener).await?, Heard::Back);
        within_limit("a voice", rabbit.audible().wait_for(|audible| *audible)).await?;
        let said = announcement();
        rabbit.announce(said.clone()).await;
        assert_eq!(hear(&mut listener).await?, Heard::Message(said.body.into_bytes()));
        let mut audible = rabbit.audible();
        audible.mark_unchanged();
        proxy.cut();
        assert_eq!(hear(&mut listener).await?, Heard::Lost);
        // Whoever announces may notice it later than whoever listens.
        within_limit("the cut to be noticed", audible.changed()).await?;
    }
    rabbit.close().await;
    Topology { url, ..topology }.delete().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_at_dead_letters_replays_some_and_discards_others() -> TestResult {
    let harness = RabbitHarness::start().await?;
    let broker = harness.broker();
    let letters = requests(6)?;
    publish_surely(&harness.rabbit, &letters).await;
    let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 10);
    for delivery in take(&mut subscription, 6).await? {
        let index = letters.iter().position(|letter| letter.body.as_bytes() == delivery.body).ok_or("a stranger")?;
        let (id, reason, body) = (index.to_string(), format!("because of {index}"), delivery.body);
        delivery.receipt.settle(Settlement::Dead(Box::new(DeadLetter { id, reason, body })));
    }
    until("all are kept", || async { harness.dead(PAYMENTS_REQUESTS).await.is_ok_and(|dead| dead.len() == 6) }).await;
    // Looking often changes nothing: also not the order, and no limit takes what was looked at.
    let first = harness.dead(PAYMENTS_REQUESTS).await?;
    for _ in 0..30 {
        assert_eq!(sorted_ids(&harness.dead(PAYMENTS_REQUESTS).await?), sorted_ids(&first));
    }
    assert!(first.iter().all(|letter| letter.reason == format!("because of {}", letter.id)));
    let judge = |letter: &DeadLetter| match letter.id.as_str() {
        "0" | "3" => Verdict::Replay,
        "1" => Verdict::Discard,
        _ => Verdict::Keep,
    };
    harness.rabbit.dead_letters(PAYMENTS_REQUESTS, judge).await?;
    let came = take(&mut subscription, 2).await?;
    let replayed = [letters[0].clone(), letters[3].clone()];
    assert_eq!(sorted(came.iter().map(|delivery| delivery.body.clone())), sorted(bodies(&replayed)));
    came.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    until("the others are there", || async {
        harness.dead(PAYMENTS_REQUESTS).await.is_ok_and(|dead| sorted_ids(&dead) == ["2", "4", "5"])
    })
    .await;
    harness.end().await
}

fn sorted_ids(dead: &[DeadLetter]) -> Vec<String> {
    sorted(dead.iter().map(|letter| letter.id.clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_that_start_together_share_one_topology() -> TestResult {
    let harness = RabbitHarness::start().await?;
    let other = RabbitMq::start(harness.topology.options())?;
    let publishing = publish(&harness.broker(), &requests(10)?);
    let mut subscription = other.subscribe(PAYMENTS_REQUESTS, 10);
    take(&mut subscription, 10).await?.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    assert_eq!(publishing.await?, vec![Ok(()); 10]);
    drop(subscription);
    other.close().await;
    assert_eq!(harness.left(PAYMENTS_REQUESTS).await?, 0);
    harness.end().await
}

#[test]
fn a_url_that_is_none_for_amqp_is_refused_and_no_password_is_shown() {
    let topology = Topology { url: "http://user:secret@localhost".to_owned(), prefix: String::new() };
    let error = RabbitMq::start(topology.options()).expect_err("not AMQP");
    assert!(!format!("{error} {:?}", topology.options()).contains("secret"), "{error}");
}
