//! What a law needs to know of a broker, and how one is judged by it.

use crate::{database::TestResult, letters::request, wait::within_limit};
use async_trait::async_trait;
use futures_util::FutureExt;
use messaging::{
    Letter,
    broker::{Broker, DeadLetter, Delivery, PAYMENTS_REQUESTS, PublishError, Queue, Settlement, Subscription},
};
use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};
use tokio::task::JoinHandle;

/// A broker of a test's own.
#[async_trait]
pub trait Harness: Send + Sync + Sized {
    async fn start() -> TestResult<Self>;

    fn broker(&self) -> Arc<dyn Broker>;

    /// Whether a publish is confirmed as soon as the message is stored; else when it is settled.
    fn stores(&self) -> bool;

    /// Whether consumers share a queue by users, so that one of them gets all of a user's messages; else message by message.
    fn shares_partitions(&self) -> bool {
        false
    }

    /// Puts something into the queue that did not come from an outbox.
    async fn inject(&self, queue: Queue, body: &[u8]) -> TestResult;

    /// The dead letters, if this broker keeps them.
    async fn dead(&self, queue: Queue) -> TestResult<Vec<DeadLetter>>;

    /// What is in the queue once nobody consumes: waiting, or handed out and not acknowledged. Ends the broker.
    async fn left(&self, queue: Queue) -> TestResult<usize>;

    /// Takes everything away again.
    async fn end(self) -> TestResult;
}

/// A law, as a function over any harness. The harness is handed over by reference, so the future has to be boxed.
pub type Verdict<'a> = Pin<Box<dyn Future<Output = TestResult> + Send + 'a>>;

/// Judges one broker by one law; what the broker needs is taken away again however that ends.
pub async fn judge<H: Harness, L>(law: L) -> TestResult
where
    L: for<'a> FnOnce(&'a H) -> Verdict<'a>,
{
    let harness = H::start().await?;
    let outcome = AssertUnwindSafe(within_limit("the law's verdict", law(&harness))).catch_unwind().await;
    harness.end().await?;
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Publishes from a task of its own: a broker may answer only when the consumer has settled.
pub fn publish(broker: &Arc<dyn Broker>, letters: &[Letter]) -> JoinHandle<Vec<Result<(), PublishError>>> {
    let (broker, letters) = (broker.clone(), letters.to_vec());
    tokio::spawn(async move { broker.publish(&letters).await })
}

/// What was taken from a subscription.
pub type Took = Vec<Delivery>;

/// Takes deliveries until there are `number`, without settling any.
pub async fn take(subscription: &mut Box<dyn Subscription>, number: usize) -> TestResult<Took> {
    let mut took = Vec::new();
    while took.len() < number {
        let next = within_limit("deliveries", subscription.next()).await.ok_or("the broker closed")?;
        assert!(!next.is_empty(), "at least one delivery comes at a time");
        took.extend(next);
    }
    Ok(took)
}

/// Takes and settles deliveries as done until one published now has come and `number` others; returns the bodies of the others.
pub async fn take_rest(harness: &impl Harness, number: usize) -> TestResult<Vec<Vec<u8>>> {
    let (broker, last) = (harness.broker(), request()?);
    let publishing = publish(&broker, std::slice::from_ref(&last));
    let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 100);
    let mut rest = Vec::new();
    let mut last_came = false;
    while !last_came || rest.len() < number {
        for delivery in take(&mut subscription, 1).await? {
            if delivery.body == last.body.as_bytes() {
                last_came = true;
            } else {
                rest.push(delivery.body);
            }
            delivery.receipt.settle(Settlement::Done);
        }
    }
    assert_eq!(within_limit("the answer", publishing).await?, [Ok(())]);
    Ok(rest)
}
