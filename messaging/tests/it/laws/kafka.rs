//! Kafka before the law: a mock cluster of the test's own, or names of its own on the Kafka that `TEST_KAFKA_URL` names; and a
//! plain client beside ours.

use super::harness::Harness;
use crate::{database::TestResult, wait::within_limit};
use async_trait::async_trait;
use fixtures::kafka::MockKafka;
use messaging::broker::{
    Broker, DeadLetter, QUEUES, Queue, Verdict,
    kafka::{Kafka, Options, Shape},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Header, Headers, Message},
    producer::{BaseProducer, BaseRecord, Producer},
    topic_partition_list::{Offset, TopicPartitionList},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use uuid::Uuid;

/// Of each topic that instances share.
const PARTITIONS: i32 = 12;
/// Anything a plain client asks for.
const ANSWER: Duration = Duration::from_secs(30);

pub struct KafkaHarness {
    pub kafka: Kafka,
    pub log: Log,
}

/// The topics of one test, seen by a plain client.
#[derive(Clone, Debug)]
pub struct Log {
    pub mock: Option<MockKafka>,
    pub servers: String,
    pub prefix: String,
}

impl Log {
    /// On a Kafka if there is one, else on a mock.
    pub fn start() -> TestResult<Self> {
        match testbed::kafka_servers() {
            Some(servers) => Ok(Self { mock: None, servers, prefix: format!("{}.", Uuid::new_v4().simple()) }),
            None => Self::mocked(1),
        }
    }

    /// On a mock with so many brokers.
    pub fn mocked(brokers: i32) -> TestResult<Self> {
        let log = Self::bare(brokers)?;
        log.mock().topics(PARTITIONS)?;
        Ok(log)
    }

    /// On a mock that has no topics.
    pub fn bare(brokers: i32) -> TestResult<Self> {
        let mock = MockKafka::start(brokers)?;
        Ok(Self { servers: mock.servers.clone(), mock: Some(mock), prefix: String::new() })
    }

    /// The names of all topics.
    pub fn topics(&self) -> Vec<String> {
        let queues = QUEUES.into_iter().flat_map(|queue| [self.name(queue), format!("{}.dead", self.name(queue))]);
        queues.chain([format!("{}gozon.orders.status", self.prefix)]).collect()
    }

    /// The mock.
    pub fn mock(&self) -> &MockKafka {
        self.mock.as_ref().expect("only for tests on a mock")
    }

    /// A Kafka allows no session that is shorter than 6 s.
    pub fn options(&self) -> Options {
        let of_kafka = "session.timeout.ms=6000&heartbeat.interval.ms=200&fetch.wait.max.ms=20";
        let on_kafka = || format!("kafka://{}?{of_kafka}", self.servers);
        Options {
            url: self.mock.as_ref().map_or_else(on_kafka, MockKafka::url),
            prefix: self.prefix.clone(),
            connection_name: "messaging-test".to_owned(),
            shape: Some(Shape { partitions: PARTITIONS, replication: 1 }),
        }
    }

    pub fn name(&self, queue: Queue) -> String {
        format!("{}gozon.{}", self.prefix, queue.name)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        config
    }

    /// Of the group that consumes the queue.
    pub fn reader(&self, queue: Queue) -> TestResult<BaseConsumer> {
        let service = queue.name.split('.').next().unwrap_or_default();
        Ok(self.config().set("group.id", format!("{}gozon.{service}", self.prefix)).create()?)
    }

    /// Of each partition: where the group would begin, and the end.
    pub fn positions(&self, queue: Queue) -> TestResult<Vec<(i64, i64)>> {
        let (reader, topic) = (self.reader(queue)?, self.name(queue));
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&topic, 0, PARTITIONS - 1);
        let committed = reader.committed_offsets(asked, ANSWER)?;
        let position = |partition| {
            let (begin, end) = reader.fetch_watermarks(&topic, partition, ANSWER)?;
            let at = match committed.find_partition(&topic, partition).map(|one| one.offset()) {
                Some(Offset::Offset(at)) => at,
                _ => begin,
            };
            Ok((at, end))
        };
        (0..PARTITIONS).map(position).collect()
    }

    /// Everything in a topic: partition, offset, key, body and headers.
    pub fn read(&self, topic: &str) -> TestResult<Vec<Written>> {
        let reader: BaseConsumer = self.config().set("group.id", "nobody").create()?;
        let metadata = reader.fetch_metadata(Some(topic), ANSWER)?;
        let (mut from, mut left) = (TopicPartitionList::new(), 0);
        for partition in metadata.topics()[0].partitions() {
            let (begin, end) = reader.fetch_watermarks(topic, partition.id(), ANSWER)?;
            from.add_partition_offset(topic, partition.id(), Offset::Offset(begin))?;
            left += end - begin;
        }
        reader.assign(&from)?;
        let mut read = Vec::new();
        while i64::try_from(read.len())? < left {
            if let Some(message) = reader.poll(ANSWER) {
                read.push(Written::from(&message?));
            }
        }
        Ok(read)
    }

    /// Puts a message there that did not come from an outbox.
    pub fn inject(&self, queue: Queue, key: &str, body: &[u8]) -> TestResult {
        let producer: BaseProducer = self.config().set("message.max.bytes", "2000000").create()?;
        let name = self.name(queue);
        producer.send(BaseRecord::to(&name).key(key).payload(body)).map_err(|(error, _)| error)?;
        Ok(producer.flush(ANSWER)?)
    }

    async fn delete(&self) -> TestResult {
        if self.mock.is_some() {
            return Ok(());
        }
        let admin: AdminClient<DefaultClientContext> = self.config().create()?;
        let names = self.topics();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        admin.delete_topics(&names, &AdminOptions::new()).await?;
        Ok(())
    }
}

/// A message as it stands in the log.
#[derive(Clone, Debug)]
pub struct Written {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<String>,
    pub body: Vec<u8>,
    pub headers: HashMap<String, String>,
}

impl From<&BorrowedMessage<'_>> for Written {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let header = |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(text).unwrap_or_default());
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(text),
            body: message.payload().unwrap_or_default().to_vec(),
            headers: message.headers().into_iter().flat_map(|headers| headers.iter().map(header)).collect(),
        }
    }
}

/// Does what blocks beside the runtime.
pub async fn beside<T: Send + 'static>(work: impl FnOnce() -> TestResult<T> + Send + 'static) -> TestResult<T> {
    tokio::task::spawn_blocking(work).await?
}

impl KafkaHarness {
    pub async fn on(log: Log) -> TestResult<Self> {
        let kafka = Kafka::start(log.options())?;
        within_limit("the broker", kafka.reachable().wait_for(|reachable| *reachable)).await?;
        Ok(Self { kafka, log })
    }
}

#[async_trait]
impl Harness for KafkaHarness {
    async fn start() -> TestResult<Self> {
        Self::on(beside(Log::start).await?).await
    }

    fn broker(&self) -> Arc<dyn Broker> {
        Arc::new(self.kafka.clone())
    }

    fn stores(&self) -> bool {
        true
    }

    fn shares_partitions(&self) -> bool {
        true
    }

    async fn inject(&self, queue: Queue, body: &[u8]) -> TestResult {
        let (log, body) = (self.log.clone(), body.to_vec());
        beside(move || log.inject(queue, "somebody", &body)).await
    }

    async fn dead(&self, queue: Queue) -> TestResult<Vec<DeadLetter>> {
        let mut dead = Vec::new();
        let keep = |letter: &DeadLetter| {
            dead.push(letter.clone());
            Verdict::Keep
        };
        self.kafka.dead_letters(queue, keep).await?;
        Ok(dead)
    }

    async fn left(&self, queue: Queue) -> TestResult<usize> {
        self.kafka.close().await;
        let log = self.log.clone();
        let positions = beside(move || log.positions(queue)).await?;
        Ok(usize::try_from(positions.iter().map(|(at, end)| end - at).sum::<i64>())?)
    }

    async fn end(self) -> TestResult {
        self.kafka.close().await;
        self.log.delete().await
    }
}
