//! `docs/asyncapi.yaml`: the contract between the services as an AsyncAPI 3.0 document, made from the code that keeps it.
//! Absent: from every program; it is made by the test that compares it with the file.

mod kafka;
mod messages;
mod tests;

use super::{announcing::TRANSIENT, publish::PERSISTENT, topology::Names};
use crate::{
    broker::{ORDERS_PAYMENT_RESULTS, PAYMENTS_REQUESTS, QUEUES, Queue},
    event::CONTENT_TYPE,
};
use lapin::types::AMQPValue;
use messages::Message;
use saga::messages::{OrderStatusChanged, Payload, PaymentRequested, PaymentSucceeded, routing_key};
use serde::Serialize;
use serde_json::{Map, Value, json};

const BINDINGS: &str = "0.3.0";

/// The document, in the order in which it is read.
#[derive(Serialize)]
struct Document {
    asyncapi: &'static str,
    info: Value,
    #[serde(rename = "defaultContentType")]
    content_type: &'static str,
    servers: Value,
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    components: Components,
}

#[derive(Serialize)]
struct Components {
    #[serde(rename = "securitySchemes")]
    security_schemes: Value,
    messages: Map<String, Value>,
    schemas: Map<String, Value>,
}

fn document() -> Document {
    let (messages, schemas) = messages::all();
    let (names, messages) = (Names::new(""), &messages[..]);
    let published = messages.iter().map(|message| published(&names, message));
    let consumed = QUEUES.iter().map(|queue| consumed(&names, *queue, messages));
    Document {
        asyncapi: "3.0.0",
        info: json!({
            "title": "Gozon messages",
            "version": "1.0.0",
            "description": "What the orders and the payments service say to each other, at least once and in any order: each message \
                a CloudEvents 1.0 event in structured JSON. Receivers ignore what they do not know; the schemas grow by adding.",
            "license": {"name": "MIT"},
        }),
        content_type: CONTENT_TYPE,
        servers: json!({"rabbitmq": {
            "host": "rabbitmq:5672",
            "protocol": "amqp",
            "protocolVersion": "0.9.1",
            "description": "RabbitMQ 3.10 or newer. Both services declare the exchanges and queues, so that either may start first.",
            "security": [reference("components/securitySchemes", "password")],
        }, "kafka": kafka::server()}),
        channels: published.chain(consumed).collect(),
        operations: operations(messages),
        components: Components {
            security_schemes: json!({"password": {"type": "userPassword"}}),
            messages: messages.iter().map(component).collect(),
            schemas,
        },
    }
}

fn reference(folder: &str, name: &str) -> Value {
    json!({"$ref": format!("#/{folder}/{name}")})
}

/// Where a message is published.
fn published(names: &Names, message: &Message) -> (String, Value) {
    let key = routing_key(message.type_name);
    let exchange = json!({
        "name": names.exchange, "type": "topic", "durable": true, "autoDelete": false, "vhost": "/",
    });
    let channel = json!({
        "address": key,
        "title": format!("Routing key {key}"),
        "messages": {&message.name: reference("components/messages", &message.name)},
        "bindings": {
            "amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": BINDINGS},
            "kafka": kafka::published(key),
        },
    });
    (key.to_owned(), channel)
}

/// Where messages are consumed from.
fn consumed(names: &Names, queue: Queue, messages: &[Message]) -> (String, Value) {
    let routed = messages.iter().filter(|message| queue.routing_keys.contains(&routing_key(message.type_name)));
    let routed: Map<_, _> =
        routed.map(|message| (message.name.clone(), reference("components/messages", &message.name))).collect();
    let arguments = names.arguments(queue);
    let arguments: Map<_, _> =
        arguments.inner().iter().map(|(name, value)| (name.to_string(), argument(value))).collect();
    let name = names.queue(queue);
    let queue_binding = json!({"name": &name, "durable": true, "exclusive": false, "autoDelete": false, "vhost": "/"});
    let channel = json!({
        "address": &name,
        "title": format!("Queue {name}"),
        "description": format!(
            "Bound to the exchange {} by {}. What can never be handled goes to {}.",
            names.exchange, queue.routing_keys.join(", "), names.dead_queue(queue),
        ),
        "messages": routed,
        "bindings": {"amqp": {
            "is": "queue", "queue": queue_binding, "bindingVersion": BINDINGS,
            "x-arguments": arguments, "x-routing-keys": queue.routing_keys,
        }, "kafka": kafka::consumed(queue)},
    });
    (name, channel)
}

fn argument(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::LongString(text) => json!(text.to_string()),
        AMQPValue::LongLongInt(number) => json!(number),
        other => panic!("no queue is declared with {other:?}"),
    }
}

fn operations(messages: &[Message]) -> Map<String, Value> {
    let sent = messages.iter().map(|message| {
        let durable = message.type_name != OrderStatusChanged::TYPE;
        let mode = if durable { PERSISTENT } else { TRANSIENT };
        let bindings = json!({"amqp": {"deliveryMode": mode, "mandatory": durable, "bindingVersion": BINDINGS}});
        let service = service(message.source);
        (
            format!("{service}.send.{}", message.name),
            operation("send", routing_key(message.type_name), &[message], bindings),
        )
    });
    let (announced, heard) = (routing_key(OrderStatusChanged::TYPE), [routing_key(OrderStatusChanged::TYPE)]);
    let received = [
        (PaymentSucceeded::SOURCE, PAYMENTS_REQUESTS.name, PAYMENTS_REQUESTS.routing_keys, true),
        (PaymentRequested::SOURCE, ORDERS_PAYMENT_RESULTS.name, ORDERS_PAYMENT_RESULTS.routing_keys, true),
        (PaymentRequested::SOURCE, announced, &heard[..], false),
    ];
    let received = received.map(|(receiver, channel, keys, ack)| {
        let heard: Vec<_> = messages.iter().filter(|message| keys.contains(&routing_key(message.type_name))).collect();
        let mut bindings = json!({"amqp": {"ack": ack, "bindingVersion": BINDINGS}});
        if ack {
            bindings["kafka"] = kafka::group(service(receiver));
        }
        (format!("{}.receive.{channel}", service(receiver)), operation("receive", channel, &heard, bindings))
    });
    sent.chain(received).collect()
}

fn service(source: &str) -> &str {
    source.trim_start_matches('/')
}

fn operation(action: &str, channel: &str, messages: &[&Message], bindings: Value) -> Value {
    let messages: Vec<_> =
        messages.iter().map(|message| reference(&format!("channels/{channel}/messages"), &message.name)).collect();
    json!({
        "action": action,
        "channel": reference("channels", channel),
        "messages": messages,
        "bindings": bindings,
    })
}

fn component(message: &Message) -> (String, Value) {
    let component = json!({
        "name": message.type_name,
        "title": message.name,
        "contentType": CONTENT_TYPE,
        "headers": {"type": "object", "description": "None of its own: the event is the whole message, on every transport."},
        "correlationId": {"location": "$message.payload#/subject", "description": "The order."},
        "bindings": {"kafka": kafka::message()},
        "payload": reference("components/schemas", &message.event),
        "examples": [{"name": message.name, "payload": message.example}],
    });
    (message.name.clone(), component)
}
