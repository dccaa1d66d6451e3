//! The dead-letter topics: putting a message there with its reason and its place, and an operator's look at what is there.
//! Absent: any automatic replay; what lies here was judged hopeless. A log forgets nothing: what an operator has settled is marked.

use super::{
    ANSWER_TIMEOUT, Kafka,
    link::Link,
    listening::partitions,
    publish::{Answer, Sending, one},
    topics::{Names, header},
    window::Parcel,
};
use crate::broker::{DeadLetter, PublishError, Queue, Verdict};
use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::KafkaResult,
    message::{BorrowedMessage, Headers, Message, OwnedHeaders},
    topic_partition_list::{Offset, TopicPartitionList},
};
use std::collections::{BTreeMap, HashSet};
use tokio::time::timeout;

const ID: &str = "ce_id";
const REASON: &str = "x-gozon-reason";
/// Where it lay: `topic/partition/offset`.
const PLACE: &str = "x-gozon-place";
/// Of a marker: what of this topic an operator has settled, `partition/offset`.
const SETTLED: &str = "x-gozon-settled";
/// Dead letters looked at in one go.
const MOST_LOOKED_AT: usize = 10_000;

/// Publishes to the dead-letter topic under the message's own key, so that its offset may be passed.
pub(super) async fn publish(link: &Link, names: &Names, queue: Queue, parcel: &Parcel, dead: &DeadLetter) -> Answer {
    let place = format!("{}/{}/{}", names.topic(queue), parcel.partition, parcel.offset);
    let headers = header(header(OwnedHeaders::new(), ID, dead.id.as_str()), REASON, dead.reason.as_str());
    let headers = header(headers, PLACE, place.as_str());
    let (topic, key, body) = (names.dead_topic(queue), parcel.key.as_deref(), Some(dead.body.as_slice()));
    failpoints::point!("kafka::before-dead-letter", return Err(PublishError::Unreachable));
    let answer = one(link, Sending { topic: &topic, key, body, headers }).await;
    failpoints::point!("kafka::after-dead-letter", return Err(PublishError::Unreachable));
    answer
}

/// A dead letter with where it lies.
struct Lies {
    letter: DeadLetter,
    key: Option<Vec<u8>>,
    /// Where the message lay. A process that died between the dead letter and the commit has left two of them.
    place: Option<String>,
    at: Vec<String>,
}

impl Kafka {
    /// Shows every dead letter of the queue to `judge` and does what it says.
    ///
    /// # Errors
    /// [`PublishError::Unreachable`] when there is no connection or it breaks; what was judged until then is done.
    pub async fn dead_letters(
        &self,
        queue: Queue,
        mut judge: impl FnMut(&DeadLetter) -> Verdict,
    ) -> Result<(), PublishError> {
        let mut links = self.links.clone();
        let link = timeout(ANSWER_TIMEOUT, links.next()).await.ok().flatten().ok_or(PublishError::Unreachable)?;
        let (settings, names) = (self.settings.clone(), self.names.clone());
        let look = move || {
            let config = settings.consumer(&names.nobodys_group());
            look(&config.create()?, &names.dead_topic(queue))
        };
        let lie = match self.links.threads().ask("kafka-look", look).await {
            Some(Ok(lie)) => lie,
            Some(Err(error)) => {
                tracing::warn!(%error, queue = queue.name, "looking at dead letters failed");
                return Err(PublishError::Unreachable);
            }
            None => return Err(PublishError::Unreachable),
        };
        for one in lie {
            match judge(&one.letter) {
                Verdict::Keep => {}
                Verdict::Discard => self.settle(&link, queue, &one).await?,
                Verdict::Replay => {
                    self.replay(&link, queue, &one).await?;
                    self.settle(&link, queue, &one).await?;
                }
            }
        }
        Ok(())
    }

    async fn replay(&self, link: &Link, queue: Queue, lies: &Lies) -> Answer {
        let headers = header(OwnedHeaders::new(), ID, lies.letter.id.as_str());
        let (topic, key, body) = (self.names.topic(queue), lies.key.as_deref(), Some(lies.letter.body.as_slice()));
        one(link, Sending { topic: &topic, key, body, headers }).await
    }

    /// Marks all records of it.
    async fn settle(&self, link: &Link, queue: Queue, lies: &Lies) -> Answer {
        let topic = self.names.dead_topic(queue);
        for at in &lies.at {
            let headers = header(OwnedHeaders::new(), SETTLED, at.as_str());
            one(link, Sending { topic: &topic, key: lies.key.as_deref(), body: None, headers }).await?;
        }
        Ok(())
    }
}

/// Reads the topic from its beginning to where it ends now. It blocks.
fn look(consumer: &BaseConsumer, topic: &str) -> KafkaResult<Vec<Lies>> {
    let (mut from, mut left) = (TopicPartitionList::new(), BTreeMap::new());
    for partition in partitions(consumer, topic)? {
        let (begin, end) = consumer.fetch_watermarks(topic, partition, ANSWER_TIMEOUT)?;
        from.add_partition_offset(topic, partition, Offset::Offset(begin))?;
        if begin < end {
            left.insert(partition, end);
        }
    }
    consumer.assign(&from)?;
    let mut seen = Seen::default();
    while !left.is_empty() {
        let Some(message) = consumer.poll(ANSWER_TIMEOUT) else { continue };
        let message = message?;
        seen.take(&message);
        if left.get(&message.partition()).is_some_and(|end| message.offset() + 1 >= *end) {
            left.remove(&message.partition());
        }
    }
    Ok(seen.open())
}

/// What a topic of dead letters says, read in its order.
#[derive(Default)]
struct Seen {
    letters: Vec<Lies>,
    settled: HashSet<String>,
}

impl Seen {
    fn take(&mut self, message: &BorrowedMessage<'_>) {
        if let Some(settled) = text(message, SETTLED) {
            self.settled.insert(settled);
            return;
        }
        let at = format!("{}/{}", message.partition(), message.offset());
        let reason = text(message, REASON).unwrap_or_else(|| "not dead-lettered by Gozon".to_owned());
        let id = text(message, ID).unwrap_or_else(|| format!("#{at}"));
        let letter = DeadLetter { id, reason, body: message.payload().unwrap_or_default().to_vec() };
        let (key, place) = (message.key().map(<[u8]>::to_vec), text(message, PLACE));
        let twin =
            self.letters.iter_mut().find(|one| place.is_some() && one.place == place && one.letter.body == letter.body);
        match twin {
            Some(twin) => twin.at.push(at),
            None => self.letters.push(Lies { letter, key, place, at: vec![at] }),
        }
    }

    fn open(self) -> Vec<Lies> {
        let settled = self.settled;
        let open = self.letters.into_iter().filter(|one| !one.at.iter().all(|at| settled.contains(at)));
        open.take(MOST_LOOKED_AT).collect()
    }
}

fn text(message: &BorrowedMessage<'_>, key: &str) -> Option<String> {
    let value = message.headers()?.iter().find(|header| header.key == key)?.value?;
    Some(String::from_utf8_lossy(value).into_owned())
}
