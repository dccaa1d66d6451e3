//! The topics of the contract, made alike by both services, and what a message looks like there.
//! Absent: anything that must be made by hand before the services start; changes to topics that are there already.

use super::{ANSWER_TIMEOUT, settings::ANY_SIZE};
use crate::{
    Event, Letter,
    broker::{QUEUES, Queue},
    event::CONTENT_TYPE,
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::{Client, ClientContext, DefaultClientContext},
    error::KafkaError,
    message::{Header, OwnedHeaders, ToBytes},
    types::RDKafkaErrorCode,
};
use std::collections::HashSet;

/// A week, in milliseconds: that long a service may be away, and that far back a group may be set to have messages handled again.
const WEEK: &str = "604800000";
/// An announcement is of use only to who listens now.
const HOUR: &str = "3600000";
const FOR_EVER: &str = "-1";

/// How topics are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Partitions of each topic that instances share: more of them than instances of a service there will ever be.
    pub partitions: i32,
    /// Copies of each partition, on as many servers.
    pub replication: i32,
}

impl Default for Shape {
    /// For one server.
    fn default() -> Self {
        Self { partitions: 12, replication: 1 }
    }
}

impl Shape {
    /// With three copies or more a message is safe only on two; all but two of the servers may then be away.
    fn in_sync(self) -> &'static str {
        if self.replication < 3 { "1" } else { "2" }
    }
}

/// The names, with the configured prefix.
#[derive(Debug)]
pub(super) struct Names {
    prefix: String,
    /// For announcements.
    pub status: String,
}

impl Names {
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), status: format!("{prefix}gozon.orders.status") }
    }

    pub fn topic(&self, queue: Queue) -> String {
        format!("{}gozon.{}", self.prefix, queue.name)
    }

    pub fn dead_topic(&self, queue: Queue) -> String {
        format!("{}.dead", self.topic(queue))
    }

    /// One group a service; each service consumes one queue, which has its name.
    pub fn group(&self, queue: Queue) -> String {
        let service = queue.name.split('.').next().unwrap_or_default();
        format!("{}gozon.{service}", self.prefix)
    }

    /// The name of a group that nobody joins: librdkafka wants one of whoever reads.
    pub fn nobodys_group(&self) -> String {
        format!("{}gozon.reader", self.prefix)
    }

    /// Where a routing key leads; nowhere, if it is of a version to come.
    pub fn route(&self, routing_key: &str) -> Option<String> {
        QUEUES.into_iter().find(|queue| queue.routing_keys.contains(&routing_key)).map(|queue| self.topic(queue))
    }

    /// Every topic with its partitions, if they are not as configured, and how long messages stay there.
    fn topics(&self) -> Vec<(String, Option<i32>, &'static str)> {
        let queues = QUEUES
            .into_iter()
            .flat_map(|queue| [(self.topic(queue), None, WEEK), (self.dead_topic(queue), Some(1), FOR_EVER)]);
        queues.chain([(self.status.clone(), Some(1), HOUR)]).collect()
    }
}

/// Why the topics are not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTopics {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error("topic {0} is not there and cannot be made: {1}")]
    Refused(String, RDKafkaErrorCode),
    #[error("topic {0} is not there")]
    Missing(String),
}

/// Makes sure that all topics are there. It blocks.
pub(super) fn ensure<C: ClientContext>(
    client: &Client<C>,
    config: &ClientConfig,
    names: &Names,
    shape: Option<Shape>,
    runtime: &tokio::runtime::Handle,
) -> Result<(), NoTopics> {
    // Asking for all of them makes none: a broker that makes what it is asked for would give it one partition.
    let metadata = client.fetch_metadata(None, ANSWER_TIMEOUT)?;
    let there: HashSet<_> =
        metadata.topics().iter().filter(|topic| topic.error().is_none()).map(|topic| topic.name()).collect();
    let missing: Vec<_> = names.topics().into_iter().filter(|(name, ..)| !there.contains(name.as_str())).collect();
    match (missing.first(), shape) {
        (None, _) => Ok(()),
        (Some(_), Some(shape)) => runtime.block_on(create(config, &missing, shape)),
        (Some((name, ..)), None) => Err(NoTopics::Missing(name.clone())),
    }
}

async fn create(
    config: &ClientConfig,
    missing: &[(String, Option<i32>, &'static str)],
    shape: Shape,
) -> Result<(), NoTopics> {
    let new = missing.iter().map(|(name, partitions, retention)| {
        let new =
            NewTopic::new(name, partitions.unwrap_or(shape.partitions), TopicReplication::Fixed(shape.replication))
                .set("cleanup.policy", "delete")
                .set("retention.ms", retention)
                .set("min.insync.replicas", shape.in_sync());
        // A dead letter is larger than the message by the reason and the place.
        if *retention == FOR_EVER { new.set("max.message.bytes", ANY_SIZE) } else { new }
    });
    let new: Vec<_> = new.collect();
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let options = AdminOptions::new().request_timeout(Some(ANSWER_TIMEOUT)).operation_timeout(Some(ANSWER_TIMEOUT));
    for outcome in admin.create_topics(&new, &options).await? {
        match outcome {
            // The other service was quicker.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(NoTopics::Refused(name, code)),
        }
    }
    tracing::info!(topics = missing.len(), "made the topics that were not there");
    Ok(())
}

/// What stands in a message's headers, for whoever looks at the log with other tools; we read the message itself.
pub(super) fn headers(letter: &Letter) -> OwnedHeaders {
    let headers = header(OwnedHeaders::new(), "content-type", CONTENT_TYPE);
    let headers = header(headers, "ce_id", letter.id.hyphenated().to_string().as_str());
    let Ok(event) = Event::parse(letter.body.as_bytes()) else { return headers };
    let headers = header(headers, "ce_type", event.type_name.as_str());
    match event.trace {
        Some(trace) => header(headers, "traceparent", trace.to_string().as_str()),
        None => headers,
    }
}

pub(super) fn header<V: ToBytes + ?Sized>(headers: OwnedHeaders, key: &str, value: &V) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{ORDERS_PAYMENT_RESULTS, PAYMENTS_REQUESTS};
    use serde_json::{Value, json};
    use std::{fs, path::Path};

    #[test]
    fn the_contracts_document_says_what_topics_and_groups_there_are() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/asyncapi.yaml");
        let document: Value = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let (names, shape) = (Names::new(""), Shape::default());
        for queue in QUEUES {
            let binding = &document["channels"][queue.name]["bindings"]["kafka"];
            assert_eq!(binding["topic"], names.topic(queue));
            assert_eq!(
                (&binding["partitions"], &binding["replicas"]),
                (&json!(shape.partitions), &json!(shape.replication))
            );
            assert_eq!(binding["topicConfiguration"]["retention.ms"].to_string(), WEEK);
            for key in queue.routing_keys {
                let topic = document["channels"][key]["bindings"]["kafka"]["topic"].as_str();
                assert_eq!(topic.map(str::to_owned), names.route(key));
            }
            let service = queue.name.split('.').next().unwrap();
            let receiving = &document["operations"][format!("{service}.receive.{}", queue.name)]["bindings"]["kafka"];
            assert_eq!(receiving["groupId"]["enum"], json!([names.group(queue)]));
        }
        let announced = &document["channels"]["order.status-changed"]["bindings"]["kafka"]["topic"];
        assert_eq!(*announced, json!(names.status));
    }

    #[test]
    fn topics_and_groups_have_the_contracts_names() {
        let names = Names::new("");
        let topics: Vec<_> = names.topics().into_iter().map(|(name, partitions, _)| (name, partitions)).collect();
        let expected = [
            ("gozon.payments.requests", None),
            ("gozon.payments.requests.dead", Some(1)),
            ("gozon.orders.payment-results", None),
            ("gozon.orders.payment-results.dead", Some(1)),
            ("gozon.orders.status", Some(1)),
        ];
        assert_eq!(topics, expected.map(|(name, partitions)| (name.to_owned(), partitions)));
        assert_eq!(names.group(PAYMENTS_REQUESTS), "gozon.payments");
        assert_eq!(names.group(ORDERS_PAYMENT_RESULTS), "gozon.orders");
        assert_eq!(
            Names::new("test.").route("payment.succeeded").as_deref(),
            Some("test.gozon.orders.payment-results")
        );
        assert_eq!(names.route("payment.of-tomorrow"), None);
    }

    #[test]
    fn with_three_copies_a_message_is_on_two_servers_and_one_may_be_away() {
        let in_sync = [1, 2, 3, 5].map(|replication| Shape { partitions: 12, replication }.in_sync());
        assert_eq!(in_sync, ["1", "1", "2", "2"]);
    }
}
