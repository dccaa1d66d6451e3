//! Everything around a consumer: a database, and the broker that goes with it. A test that ends says so, and nothing may be left.

use crate::{
    database::{Database, Kind, TestResult},
    fake::{Hands, vitals},
    handler::Handler,
    laws::{self, Harness},
    wait::until,
};
use messaging::{
    Letter, Metrics, Pair,
    broker::{Broker, DeadLetter, PAYMENTS_REQUESTS, PublishError},
    consumer::{Consumer, ConsumerHandle, Pairing},
    parking::{self, Parked, State},
};
use std::sync::Arc;
use store::Store;
use supervision::Vitals;
use telemetry::Tracer;
use tokio::task::JoinHandle;

enum Behind {
    Memory(laws::MemoryHarness),
    #[cfg(feature = "servers")]
    Rabbit(laws::RabbitHarness),
}

pub struct Stage {
    pub store: Store,
    pub broker: Arc<dyn Broker>,
    pub hands: Hands,
    pub vitals: Vitals,
    pub tracer: Tracer,
    pub metrics: Metrics,
    behind: Behind,
}

impl Stage {
    pub async fn set(database: &Database) -> TestResult<Self> {
        let behind = match database.kind {
            Kind::Sqlite => Behind::Memory(laws::MemoryHarness::start().await?),
            #[cfg(feature = "servers")]
            Kind::Postgres => Behind::Rabbit(laws::RabbitHarness::start().await?),
        };
        let broker = match &behind {
            Behind::Memory(harness) => harness.broker(),
            #[cfg(feature = "servers")]
            Behind::Rabbit(harness) => harness.broker(),
        };
        let (store, tracer, metrics) = (database.open().await?, Tracer::default(), Metrics::default());
        Ok(Self { store, broker, hands: Hands::new(), vitals: vitals(), tracer, metrics, behind })
    }

    pub fn consume(&self, handler: &Handler) -> ConsumerHandle {
        self.consume_as(handler, &Pair::default(), Pairing::BeforeDeciding)
    }

    pub fn consume_as(&self, handler: &Handler, pair: &Pair, pairing: Pairing) -> ConsumerHandle {
        let consumer = Consumer {
            broker: self.broker.clone(),
            queue: PAYMENTS_REQUESTS,
            handle: Arc::new(handler.clone()),
            store: self.store.clone(),
            pair: pair.clone(),
            pairing,
            clock: self.hands.clock(),
            metrics: self.metrics.clone(),
            tracer: self.tracer.clone(),
        };
        consumer.start(&self.vitals)
    }

    /// Publishes; waits for the answers only where they don't wait for the consumer.
    pub async fn publish(&self, letters: &[Letter]) {
        let publishing = self.publish_later(letters);
        if self.broker.keeps_dead_letters() {
            assert!(publishing.await.expect("no panic").iter().all(Result::is_ok));
        }
    }

    pub fn publish_later(&self, letters: &[Letter]) -> JoinHandle<Vec<Result<(), PublishError>>> {
        laws::publish(&self.broker, letters)
    }

    pub async fn parked(&self) -> Vec<Parked> {
        parking::list(&self.store, 1_000).await.unwrap_or_default()
    }

    /// Dead letters, wherever this broker has them kept.
    pub async fn dead(&self) -> Vec<DeadLetter> {
        match &self.behind {
            Behind::Memory(_) => self.parked().await.into_iter().filter_map(dead_letter).collect(),
            #[cfg(feature = "servers")]
            Behind::Rabbit(harness) => harness.dead(PAYMENTS_REQUESTS).await.unwrap_or_default(),
        }
    }

    pub async fn forget_dead(&self) -> TestResult {
        for message in self.parked().await {
            assert!(parking::discard(&self.store, message.id).await?);
        }
        Ok(())
    }

    /// Nothing is set aside or left in the queue; then everything is taken away. Of a consumer that has just stopped RabbitMQ may have
    /// lost the last acknowledgements, so there the queue proves nothing.
    pub async fn ends_clean(self) -> TestResult {
        until("nothing is set aside", || async { self.parked().await.is_empty() }).await;
        match self.behind {
            Behind::Memory(harness) => end(harness).await,
            #[cfg(feature = "servers")]
            Behind::Rabbit(harness) => end(harness).await,
        }
    }
}

async fn end(harness: impl Harness) -> TestResult {
    let stores = harness.stores();
    let left = harness.left(PAYMENTS_REQUESTS).await?;
    harness.end().await?;
    assert!(stores || left == 0, "{left} messages were left in the queue");
    Ok(())
}

fn dead_letter(message: Parked) -> Option<DeadLetter> {
    let Parked { message_id, state, error, body, .. } = message;
    (state == State::Dead).then(|| DeadLetter { id: message_id.unwrap_or_default(), reason: error, body })
}
