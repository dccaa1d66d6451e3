//! Announcements: one topic that every instance reads for itself, from now on.
//! Absent: a group, positions, confirmation by who listens; what is lost is made good from the database.

use super::{
    ANSWER_TIMEOUT,
    link::{Link, Links},
    publish::{Sending, one},
    settings::Settings,
    topics::{Names, header},
};
use crate::{
    Announcement,
    broker::{Heard, Listener},
    event::CONTENT_TYPE,
};
use async_trait::async_trait;
use rdkafka::{
    client::ClientContext,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult},
    message::{Message, OwnedHeaders},
    topic_partition_list::{Offset, TopicPartitionList},
    types::RDKafkaErrorCode,
};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Announcements that wait for who listens; beyond that they wait in the log.
const MOST_WAITING: usize = 64;
/// How long the thread waits for an announcement before it looks whether anybody listens.
const TICK: Duration = Duration::from_millis(50);

/// All that is read of an announcement to be sent.
#[derive(Deserialize)]
struct Keyed {
    partitionkey: Option<String>,
}

/// Says it, and comes back when it is in the log or cannot be: who listens afterwards does not hear it.
pub(super) async fn announce(link: &Link, names: &Names, announcement: &Announcement) {
    let key = serde_json::from_str(&announcement.body).ok().and_then(|keyed: Keyed| keyed.partitionkey);
    let (key, body) = (key.as_deref().map(str::as_bytes), Some(announcement.body.as_bytes()));
    let headers = header(OwnedHeaders::new(), "content-type", CONTENT_TYPE);
    if let Err(error) = one(link, Sending { topic: &names.status, key, body, headers }).await {
        tracing::debug!(%error, "an announcement was lost");
    }
}

/// Hears what a thread of its own reads. Reading begins with the first call.
pub(super) struct KafkaListener {
    links: Links,
    settings: Settings,
    names: Arc<Names>,
    ear: Option<(Receiver<Heard>, DropGuard)>,
}

impl KafkaListener {
    pub fn new(links: Links, settings: Settings, names: Arc<Names>) -> Self {
        Self { links, settings, names, ear: None }
    }

    fn open(&mut self) {
        let (said, heard) = channel(MOST_WAITING);
        let gone = self.links.closing().child_token();
        let (settings, names, links) = (self.settings.clone(), self.names.clone(), self.links.clone());
        let reading = Reading { settings, names, said, gone: gone.clone() };
        links.threads().start("kafka-listen", move || reading.run());
        self.ear = Some((heard, gone.drop_guard()));
    }
}

#[async_trait]
impl Listener for KafkaListener {
    async fn next(&mut self) -> Option<Heard> {
        let closing = self.links.closing().clone();
        if self.ear.is_none() {
            // The topic is there once there is a link.
            self.links.next().await?;
            self.open();
        }
        let (heard, _) = self.ear.as_mut()?;
        tokio::select! {
            biased;
            () = closing.cancelled() => None,
            heard = heard.recv() => heard,
        }
    }
}

/// What librdkafka tells of a reader.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka's listener");
    }
}

impl ConsumerContext for Quiet {}

/// Nobody listens any more.
struct Gone;

/// The thread that reads.
struct Reading {
    settings: Settings,
    names: Arc<Names>,
    said: Sender<Heard>,
    gone: CancellationToken,
}

impl Reading {
    fn run(self) {
        while !self.gone.is_cancelled() {
            match self.ear() {
                Ok(ear) => {
                    if self.read(&ear).is_err() {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, "listening failed"),
            }
        }
    }

    /// Reads until that fails. Lost is said, because until there is a new ear nothing is heard; the new one begins at the end.
    fn read(&self, ear: &BaseConsumer<Quiet>) -> Result<(), Gone> {
        self.say(Heard::Back)?;
        while !self.gone.is_cancelled() {
            match ear.poll(TICK) {
                Some(Ok(message)) => self.say(Heard::Message(message.payload().unwrap_or_default().to_vec()))?,
                // One server's connection is librdkafka's to mend, and it goes on where it was. That all are gone is said as well.
                Some(Err(error)) if is_one_server(&error) => {
                    tracing::debug!(%error, "librdkafka tries again by itself")
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "listening broke off");
                    return self.say(Heard::Lost);
                }
                None => {}
            }
        }
        Ok(())
    }

    fn say(&self, what: Heard) -> Result<(), Gone> {
        self.said.blocking_send(what).map_err(|_| Gone)
    }

    /// An ear at the end of all partitions, as they are now.
    fn ear(&self) -> KafkaResult<BaseConsumer<Quiet>> {
        let config = self.settings.consumer(&self.names.nobodys_group());
        let ear = BaseConsumer::from_config_and_context(&config, Quiet)?;
        let topic = &self.names.status;
        let mut from = TopicPartitionList::new();
        for partition in partitions(&ear, topic)? {
            let (_, end) = ear.fetch_watermarks(topic, partition, ANSWER_TIMEOUT)?;
            from.add_partition_offset(topic, partition, Offset::Offset(end))?;
        }
        // What went wrong on the way here is no loss any more; without partitions there is nothing else to be polled.
        while ear.poll(TICK).is_some() {}
        ear.assign(&from)?;
        Ok(ear)
    }
}

/// Whether an error says no more than that a connection broke or could not be made.
fn is_one_server(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::BrokerTransportFailure)
}

/// The partitions of a topic.
pub(super) fn partitions<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str) -> KafkaResult<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER_TIMEOUT)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id());
    match partitions.collect::<Vec<_>>() {
        none if none.is_empty() => Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition)),
        some => Ok(some),
    }
}
