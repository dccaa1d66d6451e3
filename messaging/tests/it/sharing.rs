//! Which of two instances RabbitMQ hands a message to.

use crate::{
    database::TestResult,
    laws::{Harness, RabbitHarness, Topology, take},
    letters::{bodies, publish_surely, requests, sorted},
    wait::{until, within_limit},
};
use messaging::{
    Letter,
    broker::{
        Broker, Delivery, ORDERS_PAYMENT_RESULTS, PAYMENTS_REQUESTS, Queue, Settlement, Subscription,
        rabbitmq::RabbitMq,
    },
};
use tokio::task::JoinHandle;

const PREFETCH: u16 = 40;

type Taking = JoinHandle<TestResult<(Box<dyn Subscription>, Vec<Delivery>)>>;

/// Begins to consume and, once this is the nth consumer, takes so many as they come.
async fn taking(number: usize, from: &RabbitMq, queue: Queue, topology: &Topology, nth: u32) -> Taking {
    let mut subscription = from.subscribe(queue, PREFETCH);
    let taking = tokio::spawn(async move {
        let took = take(&mut subscription, number).await?;
        Ok((subscription, took))
    });
    until("it consumes", || async { topology.depth(queue).await.is_ok_and(|(_, consumers)| consumers == nth) }).await;
    taking
}

async fn messages_go_by_seniority(queue: Queue) -> TestResult {
    let harness = RabbitHarness::start().await?;
    let (topology, senior) = (&harness.topology, &harness.rabbit);
    let junior = RabbitMq::start(topology.options())?;
    let messages = |number| -> TestResult<Vec<Letter>> {
        let to_it = |letter| Letter { routing_key: queue.routing_keys[0].to_owned(), ..letter };
        Ok(requests(number)?.into_iter().map(to_it).collect())
    };
    // The consumer of the one that came later is there first.
    let juniors = taking(20, &junior, queue, topology, 1).await;
    let seniors = taking(40, senior, queue, topology, 2).await;
    let letters = messages(60)?;
    publish_surely(senior, &letters).await;
    let (mut subscription, mut took) = within_limit("the rest", juniors).await??;
    let (mut first, held) = within_limit("as many as there is room for", seniors).await??;
    let all = took.iter().chain(&held).map(|delivery| delivery.body.clone());
    assert_eq!(sorted(all), sorted(bodies(&letters)));
    publish_surely(senior, &messages(20)?).await;
    took.extend(take(&mut subscription, 20).await?);
    let next = messages(1)?;
    held.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    publish_surely(senior, &next).await;
    let held = take(&mut first, 1).await?;
    assert_eq!(held[0].body, next[0].body.as_bytes(), "where there is room again");
    drop((first, held));
    took.drain(..).for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    let took = take(&mut subscription, 1).await?;
    assert_eq!(took[0].body, next[0].body.as_bytes(), "what it had goes to the next when it is gone");
    within_limit("the end", junior.close()).await;
    harness.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_to_whoever_has_been_there_longest_and_to_the_next_when_its_prefetch_is_full() -> TestResult {
    messages_go_by_seniority(PAYMENTS_REQUESTS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_do_so_too() -> TestResult {
    messages_go_by_seniority(ORDERS_PAYMENT_RESULTS).await
}
