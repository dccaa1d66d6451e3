//! RabbitMQ before the law: names of a test's own on the server that all tests share, and a plain client beside ours.

use super::harness::Harness;
use crate::{
    database::TestResult,
    wait::{until, within_limit},
};
use async_trait::async_trait;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use messaging::broker::{
    Broker, DeadLetter, QUEUES, Queue, Verdict,
    rabbitmq::{Options, RabbitMq},
};
use std::sync::Arc;
use uuid::Uuid;

pub struct RabbitHarness {
    pub rabbit: RabbitMq,
    pub topology: Topology,
}

/// The exchanges and queues of one test, seen by a plain client.
#[derive(Clone, Debug)]
pub struct Topology {
    pub url: String,
    pub prefix: String,
}

impl Topology {
    pub fn new(url: String) -> Self {
        Self { url, prefix: format!("{}.", Uuid::new_v4().simple()) }
    }

    pub fn options(&self) -> Options {
        Options { url: self.url.clone(), prefix: self.prefix.clone(), connection_name: "messaging-test".to_owned() }
    }

    pub fn name(&self, queue: Queue) -> String {
        format!("{}{}", self.prefix, queue.name)
    }

    pub async fn client(&self) -> TestResult<(Connection, Channel)> {
        let runtime = async_rs::Runtime::tokio_current();
        let connection = Connection::connect_with_runtime(&self.url, ConnectionProperties::default(), runtime).await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }

    /// Messages waiting and consumers.
    pub async fn depth(&self, queue: Queue) -> TestResult<(u32, u32)> {
        let (connection, channel) = self.client().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare(self.name(queue).as_str().into(), passive, FieldTable::default()).await?;
        connection.close(200, "done".into()).await?;
        Ok((queue.message_count(), queue.consumer_count()))
    }

    pub async fn delete_queue(&self, queue: Queue) -> TestResult {
        let (connection, channel) = self.client().await?;
        channel.queue_delete(self.name(queue).as_str().into(), QueueDeleteOptions::default()).await?;
        Ok(connection.close(200, "done".into()).await?)
    }

    pub async fn delete(&self) -> TestResult {
        let (connection, channel) = self.client().await?;
        for queue in QUEUES {
            for name in [self.name(queue), format!("{}.dead", self.name(queue))] {
                channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await?;
            }
        }
        for exchange in ["gozon", "gozon.dead"] {
            let name = format!("{}{exchange}", self.prefix);
            channel.exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default()).await?;
        }
        Ok(connection.close(200, "done".into()).await?)
    }
}

/// Waits until a message can be published.
pub async fn reachable(broker: &RabbitMq) -> TestResult {
    within_limit("the broker", broker.reachable().wait_for(|reachable| *reachable)).await?;
    Ok(())
}

#[async_trait]
impl Harness for RabbitHarness {
    async fn start() -> TestResult<Self> {
        let topology = Topology::new(testbed::amqp_url());
        let rabbit = RabbitMq::start(topology.options())?;
        reachable(&rabbit).await?;
        Ok(Self { rabbit, topology })
    }

    fn broker(&self) -> Arc<dyn Broker> {
        Arc::new(self.rabbit.clone())
    }

    fn stores(&self) -> bool {
        true
    }

    async fn inject(&self, queue: Queue, body: &[u8]) -> TestResult {
        let (connection, channel) = self.topology.client().await?;
        let (name, options) = (self.topology.name(queue), BasicPublishOptions::default());
        channel
            .basic_publish("".into(), name.as_str().into(), options, body, BasicProperties::default())
            .await?
            .await?;
        Ok(connection.close(200, "done".into()).await?)
    }

    async fn dead(&self, queue: Queue) -> TestResult<Vec<DeadLetter>> {
        let mut dead = Vec::new();
        let keep = |letter: &DeadLetter| {
            dead.push(letter.clone());
            Verdict::Keep
        };
        self.rabbit.dead_letters(queue, keep).await?;
        Ok(dead)
    }

    /// With the connection go its consumers and everything they had; that is one step in the queue.
    async fn left(&self, queue: Queue) -> TestResult<usize> {
        self.rabbit.close().await;
        until("the queue has no consumer", || async { matches!(self.topology.depth(queue).await, Ok((_, 0))) }).await;
        Ok(usize::try_from(self.topology.depth(queue).await?.0)?)
    }

    async fn end(self) -> TestResult {
        self.rabbit.close().await;
        self.topology.delete().await
    }
}
