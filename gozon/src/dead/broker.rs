//! The dead letters in the broker's queues. Absent: AMQP (messaging has it), and a count of attempts; the broker keeps none.

use super::{Act, DeadError, Done, Message, Which};
use messaging::broker::{
    Broker as _, DeadLetter, QUEUES, Queue,
    rabbitmq::{InvalidUrl, Options, RabbitMq, dead::Verdict},
};
use std::{collections::HashSet, time::Duration};
use tokio::time::timeout;

/// How long an operator waits to be told that there is no broker.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The broker's dead-letter queues.
#[derive(Clone, Debug)]
pub struct Broker(RabbitMq);

impl Broker {
    /// Starts to connect. The prefix is what the services put before the names of their queues.
    ///
    /// # Errors
    /// [`InvalidUrl`] when the URL is none for AMQP.
    pub fn start(url: &str, prefix: &str) -> Result<Self, InvalidUrl> {
        let options =
            Options { url: url.to_owned(), prefix: prefix.to_owned(), connection_name: "gozon dead".to_owned() };
        Ok(Self(RabbitMq::start(options)?))
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
        self.0.close().await;
    }

    /// Waits for the connection.
    pub(super) async fn ready(&self) -> Result<(), DeadError> {
        let mut reachable = self.0.reachable();
        let connected = timeout(CONNECT_TIMEOUT, reachable.wait_for(|reachable| *reachable)).await;
        if matches!(connected, Ok(Ok(_))) { Ok(()) } else { Err(DeadError::Broker) }
    }

    async fn judge(&self, queue: Queue, judge: impl FnMut(&DeadLetter) -> Verdict) -> Result<(), DeadError> {
        self.ready().await?;
        self.0.dead_letters(queue, judge).await.map_err(|_| DeadError::Broker)
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
