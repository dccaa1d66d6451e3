//! Which of two instances RabbitMQ hands a message to.

use crate::{
    database::TestResult,
    laws::{Harness, RabbitHarness, Topology, take},
    letters::{bodies, publish_surely, request, requests, sorted},
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

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_to_whoever_has_been_there_longest_and_to_the_next_when_its_prefetch_is_full() -> TestResult {
    let harness = RabbitHarness::start().await?;
    let (topology, senior) = (&harness.topology, &harness.rabbit);
    let junior = RabbitMq::start(topology.options())?;
    // The consumer of the one that came later is there first.
    let juniors = taking(20, &junior, PAYMENTS_REQUESTS, topology, 1).await;
    let seniors = taking(40, senior, PAYMENTS_REQUESTS, topology, 2).await;
    let letters = requests(60)?;
    publish_surely(senior, &letters).await;
    let (mut subscription, mut took) = within_limit("the rest", juniors).await??;
    let (mut first, held) = within_limit("as many as there is room for", seniors).await??;
    let all = took.iter().chain(&held).map(|delivery| delivery.body.clone());
    assert_eq!(sorted(all), sorted(bodies(&letters)));
    let more = requests(20)?;
    publish_surely(senior, &more).await;
    took.extend(take(&mut subscription, 20).await?);
    let next = request()?;
    held.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    publish_surely(senior, std::slice::from_ref(&next)).await;
    let held = take(&mut first, 1).await?;
    assert_eq!(held[0].body, next.body.as_bytes(), "where there is room again");
    drop((first, held));
    took.drain(..).for_each(|delivery| delivery.receipt.settle(Settlement::Done));
    let took = take(&mut subscription, 1).await?;
    assert_eq!(took[0].body, next.body.as_bytes(), "what it had goes to the next when it is gone");
    within_limit("the end", junior.close()).await;
    harness.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_to_each_in_its_turn() -> TestResult {
    let harness = RabbitHarness::start().await?;
    let (topology, senior) = (&harness.topology, &harness.rabbit);
    let junior = RabbitMq::start(topology.options())?;
    let juniors = taking(20, &junior, ORDERS_PAYMENT_RESULTS, topology, 1).await;
    let seniors = taking(20, senior, ORDERS_PAYMENT_RESULTS, topology, 2).await;
    let answer = |letter: Letter| Letter { routing_key: "payment.succeeded".to_owned(), ..letter };
    let letters: Vec<_> = requests(40)?.into_iter().map(answer).collect();
    publish_surely(senior, &letters).await;
    let (_one, half) = within_limit("a half", juniors).await??;
    let (_other, rest) = within_limit("the other half", seniors).await??;
    let all = half.iter().chain(&rest).map(|delivery| delivery.body.clone());
    assert_eq!(sorted(all), sorted(bodies(&letters)));
    within_limit("the end", junior.close()).await;
    harness.end().await
}
