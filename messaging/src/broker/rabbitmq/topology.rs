//! The exchanges and queues of the contract, declared alike by both services, valid on RabbitMQ 3.10 and 4.x.
//! Absent: anything that must be made by hand before the services start.

use crate::broker::{QUEUES, Queue};
use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

/// RabbitMQ 4 takes a message out of a quorum queue after 20 returns unless a limit is given, and each lost connection counts as
/// one: a flapping network would have healthy messages dead-lettered, and a look at the dead letters would delete them. So the
/// limit is one that is never reached; what is hopeless the consumer finds out itself.
const DELIVERY_LIMIT: i64 = 1_000_000_000;

/// The names, with the configured prefix.
#[derive(Debug)]
pub(super) struct Names {
    prefix: String,
    pub exchange: String,
    pub dead_exchange: String,
}

impl Names {
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            exchange: format!("{prefix}gozon"),
            dead_exchange: format!("{prefix}gozon.dead"),
        }
    }

    pub fn queue(&self, queue: Queue) -> String {
        format!("{}{}", self.prefix, queue.name)
    }

    pub fn dead_queue(&self, queue: Queue) -> String {
        format!("{}{}.dead", self.prefix, queue.name)
    }

    /// What the queue is declared with: it is a quorum queue, and what is dead goes to its dead queue.
    pub fn arguments(&self, queue: Queue) -> FieldTable {
        let mut arguments = quorum();
        let dead_exchange = AMQPValue::LongString(self.dead_exchange.as_str().into());
        arguments.insert("x-dead-letter-exchange".into(), dead_exchange);
        arguments.insert("x-dead-letter-routing-key".into(), AMQPValue::LongString(self.queue(queue).into()));
        arguments
    }
}

pub(super) async fn declare(channel: &Channel, names: &Names) -> lapin::Result<()> {
    for exchange in [&names.exchange, &names.dead_exchange] {
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(exchange.as_str().into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    }
    for queue in QUEUES {
        declare_queue(channel, names, queue).await?;
    }
    Ok(())
}

async fn declare_queue(channel: &Channel, names: &Names, queue: Queue) -> lapin::Result<()> {
    let (name, dead_name) = (names.queue(queue), names.dead_queue(queue));
    declare_quorum(channel, &dead_name, quorum()).await?;
    bind(channel, &dead_name, &names.dead_exchange, &name).await?;
    declare_quorum(channel, &name, names.arguments(queue)).await?;
    for routing_key in queue.routing_keys {
        bind(channel, &name, &names.exchange, routing_key).await?;
    }
    Ok(())
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
    arguments
}

async fn declare_quorum(channel: &Channel, name: &str, arguments: FieldTable) -> lapin::Result<()> {
    channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await.map(drop)
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, routing_key: &str) -> lapin::Result<()> {
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), routing_key.into(), options, FieldTable::default()).await
}
