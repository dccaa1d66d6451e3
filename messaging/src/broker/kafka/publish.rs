//! Publishing a batch: all messages at once, then all delivery reports, each accounted for by its place in the batch.
//! Absent: retrying; what has no report stays in the outbox.

use super::{
    ANSWER_TIMEOUT,
    link::{Link, Record},
    topics::{Names, headers},
};
use crate::{Letter, broker::PublishError};
use rdkafka::{
    client::ClientContext,
    error::KafkaError,
    producer::{DeliveryResult, ProducerContext},
    types::RDKafkaErrorCode,
};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub(super) type Answer = Result<(), PublishError>;

/// Which message of which batch a delivery report is about.
pub(super) struct Ticket {
    number: usize,
    batch: UnboundedSender<(usize, Answer)>,
}

/// What librdkafka tells of a producer.
pub(super) struct Voice {
    broken: CancellationToken,
    heeded: AtomicBool,
}

impl Voice {
    pub fn new(broken: CancellationToken) -> Self {
        Self { broken, heeded: AtomicBool::new(false) }
    }

    /// From now on an error breaks the producer.
    pub fn heed(&self) {
        self.heeded.store(true, Ordering::SeqCst);
    }
}

impl ClientContext for Voice {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka's producer");
        let code = error.rdkafka_error_code();
        let hopeless = matches!(code, Some(RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::Fatal));
        if hopeless && self.heeded.load(Ordering::SeqCst) {
            self.broken.cancel();
        }
    }
}

impl ProducerContext for Voice {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, report: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let answer = report.as_ref().map(drop).map_err(|(error, _)| refusal(error));
        // An error says that the batch has given up waiting.
        ticket.batch.send((ticket.number, answer)).ok();
    }
}

/// What an error says of the message. Whatever does not name the message's own fault may be over soon.
fn refusal(error: &KafkaError) -> PublishError {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => PublishError::Unroutable,
        Some(
            Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidMessage
            | Code::InvalidRecord
            | Code::PolicyViolation
            | Code::TopicAuthorizationFailed,
        ) => PublishError::Refused,
        _ => PublishError::Unreachable,
    }
}

/// Reports that are still to come.
pub(super) struct Reports {
    answers: Vec<Answer>,
    coming: UnboundedReceiver<(usize, Answer)>,
}

impl Reports {
    /// Hands all records to the producer; `None` is one that leads nowhere.
    pub fn of<'a>(link: &Link, records: impl Iterator<Item = Option<Sending<'a>>>) -> Self {
        let (batch, coming) = unbounded_channel();
        let send = |(number, sending): (usize, Option<Sending<'_>>)| {
            let Some(sending) = sending else { return Err(PublishError::Unroutable) };
            let ticket = Box::new(Ticket { number, batch: batch.clone() });
            match link.send(sending.record(ticket)) {
                // Until its report is there.
                Ok(()) => Err(PublishError::Unreachable),
                Err(error) => Err(refusal(&error)),
            }
        };
        let answers = records.enumerate().map(send).collect();
        Self { answers, coming }
    }

    /// Waits for each, as long as one comes within [`ANSWER_TIMEOUT`] of the one before it. Then, or when the link breaks, those that
    /// are missing count as not safe.
    pub async fn all(mut self, link: &Link) -> Vec<Answer> {
        loop {
            let report = tokio::select! {
                biased;
                report = timeout(ANSWER_TIMEOUT, self.coming.recv()) => report,
                () = link.broken() => break,
            };
            match report {
                Ok(Some((number, answer))) => self.answers[number] = answer,
                Ok(None) => break,
                Err(_) => {
                    tracing::warn!(messages = self.answers.len(), "the broker answers nothing any more");
                    link.give_up();
                }
            }
        }
        self.answers
    }
}

/// A message on its way out.
pub(super) struct Sending<'a> {
    pub topic: &'a str,
    pub key: Option<&'a [u8]>,
    pub body: Option<&'a [u8]>,
    pub headers: rdkafka::message::OwnedHeaders,
}

impl<'a> Sending<'a> {
    fn record(self, ticket: Box<Ticket>) -> Record<'a> {
        let mut record = Record::with_opaque_to(self.topic, ticket).headers(self.headers);
        (record.key, record.payload) = (self.key, self.body);
        record
    }
}

/// Publishes and waits for every report.
pub(super) async fn batch(link: &Link, names: &Names, letters: &[Letter]) -> Vec<Answer> {
    let unreachable = || vec![Err(PublishError::Unreachable); letters.len()];
    if link.is_broken() {
        return unreachable();
    }
    let topics: Vec<_> = letters.iter().map(|letter| names.route(&letter.routing_key)).collect();
    let sendings = letters.iter().zip(&topics).map(|(letter, topic)| {
        let (key, body) = (Some(letter.partition_key.as_bytes()), Some(letter.body.as_bytes()));
        topic.as_deref().map(|topic| Sending { topic, key, body, headers: headers(letter) })
    });
    failpoints::point!("kafka::before-produce", return unreachable());
    let reports = Reports::of(link, sendings);
    // The producer is given up with what it has under way, and nobody hears what became of that.
    failpoints::point!("kafka::after-produce", {
        link.give_up();
        return unreachable();
    });
    let answers = reports.all(link).await;
    failpoints::point!("kafka::after-report", return unreachable());
    let lost =
        |(answer, topic): (&Answer, &Option<String>)| *answer == Err(PublishError::Unroutable) && topic.is_some();
    if answers.iter().zip(&topics).any(lost) {
        // The topic is gone although the connection is there. The next link makes it again.
        link.give_up();
    }
    answers
}

/// Publishes one message and says whether it is safe.
pub(super) async fn one(link: &Link, sending: Sending<'_>) -> Answer {
    let answers = Reports::of(link, std::iter::once(Some(sending))).all(link).await;
    answers.into_iter().next().unwrap_or(Err(PublishError::Unreachable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_that_names_the_messages_fault_refuses_it() {
        let of = |code| refusal(&KafkaError::MessageProduction(code));
        assert_eq!(of(RDKafkaErrorCode::UnknownTopicOrPartition), PublishError::Unroutable);
        assert_eq!(of(RDKafkaErrorCode::MessageSizeTooLarge), PublishError::Refused);
        for passing in
            [RDKafkaErrorCode::QueueFull, RDKafkaErrorCode::MessageTimedOut, RDKafkaErrorCode::NotEnoughReplicas]
        {
            assert_eq!(of(passing), PublishError::Unreachable);
        }
        assert_eq!(refusal(&KafkaError::Canceled), PublishError::Unreachable);
    }
}
