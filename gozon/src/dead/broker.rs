//! The dead letters that the broker keeps. Absent: AMQP and Kafka (messaging has them), and a count of attempts; no broker keeps one.

use super::{Act, DeadError, Done, Message, Which};
#[cfg(feature = "kafka")]
use messaging::broker::kafka::{self, Kafka};
use messaging::broker::{
    Broker as _, DeadLetter, QUEUES, Queue, Verdict,
    rabbitmq::{self, RabbitMq},
};
use std::{collections::HashSet, time::Duration};
use tokio::time::timeout;

/// How long an operator waits to be told that there is no broker.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The broker with its dead letters.
#[derive(Clone, Debug)]
pub enum Broker {
    /// In queues.
    RabbitMq(RabbitMq),
    /// In topics.
    #[cfg(feature = "kafka")]
    Kafka(Kafka),
}

/// A URL that names no broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not RabbitMQ's.
    #[error(transparent)]
    RabbitMq(#[from] rabbitmq::InvalidUrl),
    /// Not Kafka's.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] kafka::InvalidUrl),
    /// Kafka's, and we cannot.
    #[error("this program was built without Kafka (cargo feature `kafka`)")]
    NoKafka,
}

/// How it names itself to the broker.
const NAME: &str = "gozon dead";

impl Broker {
    /// Starts to connect. The prefix is what the services put before the names of their queues.
    ///
    /// # Errors
    /// [`InvalidUrl`] when the URL names no broker.
    pub fn start(url: &str, prefix: &str) -> Result<Self, InvalidUrl> {
        let (url, prefix, connection_name) = (url.to_owned(), prefix.to_owned(), NAME.to_owned());
        if url.starts_with("kafka:") {
            return Self::kafka(url, prefix, connection_name);
        }
        Ok(Self::RabbitMq(RabbitMq::start(rabbitmq::Options { url, prefix, connection_name })?))
    }

    #[cfg(feature = "kafka")]
    fn kafka(url: String, prefix: String, connection_name: String) -> Result<Self, InvalidUrl> {
        // Whoever only looks makes no topics.
        Ok(Self::Kafka(Kafka::start(kafka::Options { url, prefix, connection_name, shape: None })?))
    }

    #[cfg(not(feature = "kafka"))]
    fn kafka(_: String, _: String, _: String) -> Result<Self, InvalidUrl> {
        Err(InvalidUrl::NoKafka)
    }

    pub(super) async fn list(&self) -> Result<Vec<Message>, DeadError> {
        let mut messages = Vec::new();
        for queue in QUEUES {
            self.judge(queue, |letter| {
                messages.push(message(queue, letter));
                Verdict::Keep
            })
            .await?;
        }
        Ok(messages)
    }

    pub(super) async fn act(&self, act: Act, which: &Which) -> Result<Vec<Done>, DeadError> {
        let mut done = Vec::new();
        for queue in QUEUES {
            // A replayed letter that is still poison comes back to the end of this queue while we go through it.
            let mut seen = HashSet::new();
            self.judge(queue, |letter| {
                let id = id(queue, letter);
                let again = act == Act::Replay && !seen.insert((letter.id.clone(), letter.body.clone()));
                if again || !which.names(&id) {
                    return Verdict::Keep;
                }
                done.push(Done { id, place: PLACE, what: act.done() });
                match act {
                    Act::Replay => Verdict::Replay,
                    Act::Discard => Verdict::Discard,
                }
            })
            .await?;
        }
        Ok(done)
    }

    pub(super) async fn close(&self) {
        match self {
            Self::RabbitMq(rabbit) => rabbit.close().await,
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.close().await,
        }
    }

    /// Waits for the connection.
    pub(super) async fn ready(&self) -> Result<(), DeadError> {
        let mut reachable = match self {
            Self::RabbitMq(rabbit) => rabbit.reachable(),
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.reachable(),
        };
        let connected = timeout(CONNECT_TIMEOUT, reachable.wait_for(|reachable| *reachable)).await;
        if matches!(connected, Ok(Ok(_))) { Ok(()) } else { Err(DeadError::Broker) }
    }

    async fn judge(&self, queue: Queue, judge: impl FnMut(&DeadLetter) -> Verdict) -> Result<(), DeadError> {
        self.ready().await?;
        let judged = match self {
            Self::RabbitMq(rabbit) => rabbit.dead_letters(queue, judge).await,
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.dead_letters(queue, judge).await,
        };
        judged.map_err(|_| DeadError::Broker)
    }
}

const PLACE: &str = "broker";

/// A letter without an id of its own is known by its place in its queue, such as `payments.requests#3`.
fn id(queue: Queue, letter: &DeadLetter) -> String {
    if letter.id.starts_with('#') { format!("{}{}", queue.name, letter.id) } else { letter.id.clone() }
}

fn message(queue: Queue, letter: &DeadLetter) -> Message {
    Message {
        id: id(queue, letter),
        place: PLACE,
        queue: queue.name.to_owned(),
        state: "dead",
        attempts: None,
        since: None,
        error: letter.reason.clone(),
        message_id: Some(letter.id.clone()).filter(|id| !id.starts_with('#')),
        body: letter.body.clone(),
    }
}
