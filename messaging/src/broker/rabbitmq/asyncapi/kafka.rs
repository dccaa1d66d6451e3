//! What the document says of Kafka, which carries the same messages: written down here, because most builds have no Kafka in them.
//! Absent: proof that Kafka's code does so; its own tests (`broker/kafka/topics.rs`) compare it with the file.

use crate::broker::{QUEUES, Queue};
use serde_json::{Value, json};

const BINDINGS: &str = "0.5.0";
const STATUS: &str = "gozon.orders.status";

pub(super) fn server() -> Value {
    json!({
        "host": "kafka:9092",
        "protocol": "kafka",
        "description": "Instead of RabbitMQ; the programs are built with it. Both services make the topics that are not there. No TLS, no SASL.",
    })
}

fn topic(queue: Queue) -> String {
    format!("gozon.{}", queue.name)
}

/// Of a channel that is published to: announcements have no queue.
pub(super) fn published(routing_key: &str) -> Value {
    let queue = QUEUES.into_iter().find(|queue| queue.routing_keys.contains(&routing_key));
    json!({"topic": queue.map_or_else(|| STATUS.to_owned(), topic), "bindingVersion": BINDINGS})
}

/// Of a channel that is consumed.
pub(super) fn consumed(queue: Queue) -> Value {
    json!({
        "topic": topic(queue),
        "partitions": 12,
        "replicas": 1,
        "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": 604_800_000},
        "bindingVersion": BINDINGS,
    })
}

/// Of a service's receiving; announcements are read without a group.
pub(super) fn group(service: &str) -> Value {
    json!({"groupId": {"type": "string", "enum": [format!("gozon.{service}")]}, "bindingVersion": BINDINGS})
}

pub(super) fn message() -> Value {
    json!({
        "key": {"type": "string", "description": "The user: the event's partitionkey."},
        "bindingVersion": BINDINGS,
    })
}
