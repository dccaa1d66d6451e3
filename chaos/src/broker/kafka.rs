//! Kafka: librdkafka's mock cluster in this process, and a plain client that says, hears and puts what it likes.
//! Absent: a way past the network's faults, which strike our client, too; coming back empty, which the mock cannot.

use super::{ATTEMPT, Broker, Ear, Visitor, Way, lock};
use crate::poison::{Letters, ROUTES};
use anyhow::{Context, Result, anyhow, bail, ensure};
use async_trait::async_trait;
use e2e::broker::Message;
use fixtures::kafka::{Cluster, MockKafka, SESSION};
use rdkafka::{
    ClientConfig, ClientContext,
    bindings::rd_kafka_resp_err_t,
    consumer::{BaseConsumer, Consumer},
    error::KafkaResult,
    message::{BorrowedMessage, Message as _},
    producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer},
    topic_partition_list::{Offset, TopicPartitionList},
    types::RDKafkaApiKey,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc::unbounded_channel, oneshot},
    task::{block_in_place, spawn_blocking},
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Of each topic that instances share, as the services would make them.
const PARTITIONS: i32 = 12;
/// The round trip of a network that stalls: no run is as long. The mock forgets to answer a fetch that waits for messages when this is
/// over, until its client gives up (10 s) or asks for something else.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);
/// How often a thread that listens looks whether somebody still wants to know.
const TICK: Duration = Duration::from_millis(100);
/// The largest poison is one MiB, and what is put around it.
const LARGEST: &str = "4194304";
/// Three instances of each service consume.
const MEMBERS: usize = 6;
/// What a Kafka answers to a name that it does not know.
const UNKNOWN: rd_kafka_resp_err_t = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
/// All brokers of the cluster.
const ALL: i32 = -1;

/// A Kafka.
pub struct Kafka {
    mock: MockKafka,
    down: Mutex<Down>,
    dead: Arc<Mutex<Dead>>,
    /// Ends the thread that reads them.
    _reads: DropGuard,
}

/// The dead letters as they come: of a partition the mock keeps only the latest 5 MB.
#[derive(Default)]
struct Dead {
    /// Each with its topic, not taken yet.
    heard: Vec<(String, Vec<u8>)>,
    /// Of each topic, the offset behind the last one.
    read: BTreeMap<String, i64>,
    /// How many the mock had thrown away before they could be read.
    gone: i64,
}

/// Why the cluster takes no connection. The two come and go by themselves, and the mock has only one switch.
#[derive(Default)]
struct Down {
    cut: bool,
    away: bool,
    since: Option<Instant>,
}

/// Confirms each message to whoever waits for that.
struct Confirms;

impl ClientContext for Confirms {}

impl ProducerContext for Confirms {
    type DeliveryOpaque = Box<oneshot::Sender<KafkaResult<()>>>;

    fn delivery(&self, report: &DeliveryResult<'_>, confirm: Self::DeliveryOpaque) {
        let outcome = report.as_ref().map(drop).map_err(|(error, _)| error.clone());
        // An error says that nobody waits any more.
        drop(confirm.send(outcome));
    }
}

impl Kafka {
    /// Starts one, with the contract's topics.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start() -> Result<Self> {
        let start = || MockKafka::start(1).and_then(|mock| mock.topics(PARTITIONS).map(|()| mock));
        let mock = spawn_blocking(start).await?.map_err(|error| anyhow!(error))?;
        let (dead, stop) = (Arc::<Mutex<Dead>>::default(), CancellationToken::new());
        let (reader, buried) =
            (reader(&mock, ROUTES.map(|(queue, _)| (dead_topic(queue), 1)), Offset::Beginning)?, Arc::clone(&dead));
        let _reads = stop.clone().drop_guard();
        spawn_blocking(move || hear(&reader, &stop, |message| lock(&buried).bury(message)));
        Ok(Self { mock, down: Mutex::default(), dead, _reads })
    }

    fn tell(&self, what: impl FnOnce(&Cluster) -> KafkaResult<()> + Send + 'static) -> Result<()> {
        Ok(block_in_place(|| self.mock.with(what)).map_err(|error| anyhow!(error))??)
    }

    /// Who was in a group before the mock was away for longer than a session is a stranger to it, and has to be told: a mock forgets to,
    /// and lets in whoever still bears a name that it has given to somebody else.
    fn change(&self, change: impl FnOnce(&mut Down)) -> Result<()> {
        let mut down = lock(&self.down);
        change(&mut down);
        let (is_down, since) = (down.cut || down.away, down.since);
        down.since = is_down.then(|| since.unwrap_or_else(Instant::now));
        self.tell(move |cluster| {
            if is_down {
                return cluster.broker_down(ALL);
            }
            if since.is_some_and(|since| since.elapsed() > SESSION) {
                cluster.request_errors(RDKafkaApiKey::JoinGroup, &[UNKNOWN; MEMBERS]);
            }
            cluster.broker_up(ALL)
        })
    }

    fn round_trip(&self, time: Duration) -> Result<()> {
        self.tell(move |cluster| cluster.broker_round_trip_time(ALL, time))
    }

    /// Waits until everything was read that is there.
    async fn read(&self) -> Result<()> {
        let asked = reader(&self.mock, [], Offset::Beginning)?;
        let ends = spawn_blocking(move || ends(&asked)).await??;
        let has_read =
            |(topic, end): &(String, i64)| lock(&self.dead).read.get(topic).copied().unwrap_or_default() >= *end;
        let all = async {
            while !ends.iter().all(has_read) {
                sleep(TICK).await;
            }
        };
        timeout(ATTEMPT, all).await.context("the topics of dead letters cannot be read to their ends")
    }
}

impl Dead {
    fn bury(&mut self, message: &BorrowedMessage<'_>) {
        let topic = message.topic().to_owned();
        let next = self.read.insert(topic.clone(), message.offset() + 1).unwrap_or_default();
        self.gone += (message.offset() - next).max(0);
        self.heard.push((topic, message.payload().unwrap_or_default().to_vec()));
    }
}

/// Of the topics of dead letters. It blocks.
fn ends(reader: &BaseConsumer) -> KafkaResult<Vec<(String, i64)>> {
    let end = |topic: String| reader.fetch_watermarks(&topic, 0, ATTEMPT).map(|(_, end)| (topic, end));
    ROUTES.into_iter().map(|(queue, _)| end(dead_topic(queue))).collect()
}

/// A consumer of no group, of these topics with so many partitions.
fn reader<const TOPICS: usize>(
    mock: &MockKafka,
    topics: [(String, i32); TOPICS],
    from: Offset,
) -> Result<BaseConsumer> {
    let mut config = client(mock);
    let reader: BaseConsumer = config
        .set("group.id", "chaos")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "20")
        .create()?;
    let mut all = TopicPartitionList::new();
    for (topic, partitions) in topics {
        for partition in 0..partitions {
            all.add_partition_offset(&topic, partition, from)?;
        }
    }
    reader.assign(&all)?;
    Ok(reader)
}

fn client(mock: &MockKafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    // Back before the services are, or the mock may have thrown away what is to be read.
    config.set("bootstrap.servers", &mock.servers).set("reconnect.backoff.max.ms", "100");
    // Else a client whose last broker goes forgets where partitions are, and asks only minutes later.
    config.set("metadata.recovery.strategy", "none").set("topic.metadata.refresh.interval.ms", "1000");
    config.set("socket.timeout.ms", "10000");
    config
}

fn topic(queue: &str) -> String {
    format!("gozon.{queue}")
}

fn dead_topic(queue: &str) -> String {
    topic(queue) + ".dead"
}

impl Way for Kafka {
    fn cut(&self, cut: bool) -> Result<()> {
        self.change(|down| down.cut = cut)
    }

    fn stall(&self, stalled: bool) -> Result<()> {
        self.round_trip(if stalled { FOR_EVER } else { Duration::ZERO })
    }

    fn delay(&self, delay: Duration) -> Result<()> {
        self.round_trip(2 * delay)
    }
}

#[async_trait]
impl Broker for Kafka {
    fn url(&self) -> String {
        self.mock.url()
    }

    /// The mock is nobody else's.
    fn prefix(&self) -> &'static str {
        ""
    }

    fn way(&self) -> &dyn Way {
        self
    }

    async fn visit(&self) -> Result<Box<dyn Visitor>> {
        let mut config = client(&self.mock);
        config.set("message.timeout.ms", ATTEMPT.as_millis().to_string()).set("message.max.bytes", LARGEST);
        Ok(Box::new(Stranger(config.create_with_context(Confirms)?)))
    }

    async fn listen(&self, ear: Ear<'_>) -> Result<()> {
        let reader = reader(&self.mock, ROUTES.map(|(queue, _)| (topic(queue), PARTITIONS)), Offset::End)?;
        let ((heard, mut hearing), stop) = (unbounded_channel(), CancellationToken::new());
        let _stops = stop.clone().drop_guard();
        let tell =
            move |message: &BorrowedMessage<'_>| drop(heard.send(message.payload().unwrap_or_default().to_vec()));
        spawn_blocking(move || hear(&reader, &stop, tell));
        while let Some(body) = hearing.recv().await {
            if let Some(routing_key) = routing_key(&body) {
                ear(routing_key, body);
            }
        }
        bail!("the thread that listens has ended")
    }

    async fn collect(&self, letters: &Mutex<Letters>) -> Result<()> {
        self.read().await?;
        let Dead { heard, gone, .. } = &mut *lock(&self.dead);
        for (topic, body) in heard.drain(..) {
            let queue = ROUTES.into_iter().map(|(queue, _)| queue).find(|queue| dead_topic(queue) == topic);
            lock(letters).found(queue.unwrap_or_default(), &body);
        }
        ensure!(mem::take(gone) == 0, "the mock threw some away before they could be read");
        Ok(())
    }

    async fn kill(&self) -> Result<()> {
        self.change(|down| down.away = true)
    }

    fn start_again(&self) -> Result<()> {
        self.change(|down| down.away = false)
    }

    fn wipe(&self) -> Result<()> {
        bail!("a mock cluster keeps its messages")
    }

    /// Nothing is ever lost.
    async fn declared(&self) -> Result<()> {
        Ok(())
    }

    fn heal(&self) -> Result<()> {
        self.start_again()
    }
}

/// Everything that comes, whatever becomes of connections meanwhile. It blocks.
fn hear(reader: &BaseConsumer, stop: &CancellationToken, mut ear: impl FnMut(&BorrowedMessage<'_>)) {
    while !stop.is_cancelled() {
        // An error is one that librdkafka gets over by itself.
        if let Some(Ok(message)) = reader.poll(TICK) {
            ear(&message);
        }
    }
}

/// What a queue of RabbitMQ would have been told beside the body.
fn routing_key(body: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(body).ok()?;
    Some(event["type"].as_str()?.strip_prefix("gozon.")?.strip_suffix(".v1")?.to_owned())
}

/// Speaks without a key: what it says goes into any partition, and so to any instance, as on a queue.
struct Stranger(ThreadedProducer<Confirms>);

impl Stranger {
    async fn send(&self, queue: &str, body: &[u8]) -> Result<()> {
        let (confirm, confirmed) = oneshot::channel();
        let topic = topic(queue);
        let record = BaseRecord::<[u8], [u8], _>::with_opaque_to(&topic, Box::new(confirm)).payload(body);
        self.0.send(record).map_err(|(error, _)| error)?;
        Ok(timeout(ATTEMPT, confirmed).await???)
    }
}

#[async_trait]
impl Visitor for Stranger {
    async fn say(&self, message: &Message) -> Result<()> {
        let [(requests, _), (results, _)] = ROUTES;
        let is_request = ["payment.requested", "payment.cancel-requested"].contains(&message.routing_key.as_str());
        self.send(if is_request { requests } else { results }, message.body.to_string().as_bytes()).await
    }

    async fn put(&self, queue: &str, body: &[u8]) -> Result<()> {
        self.send(queue, body).await
    }

    async fn leave(self: Box<Self>) {
        block_in_place(|| drop(self));
    }
}
