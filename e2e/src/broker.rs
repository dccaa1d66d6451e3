//! RabbitMQ as somebody else sees it: a plain client beside the shop that listens in, publishes what it likes, and cleans up.
//! Absent: anything of Gozon's own messaging; the contract's names stand here once more.

use crate::wait::{LIMIT, eventually};
use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer,
    options::{
        BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions,
        QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::FieldTable,
};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

/// All queues of a shop, those of the dead letters among them.
pub const QUEUES: [&str; 4] =
    ["payments.requests", "payments.requests.dead", "orders.payment-results", "orders.payment-results.dead"];
const EXCHANGES: [&str; 2] = ["gozon", "gozon.dead"];

/// The exchanges and queues of one shop.
#[derive(Clone, Debug)]
pub struct Topology {
    url: String,
    prefix: String,
}

impl Topology {
    /// Of the shop with this prefix on the broker.
    pub fn new(url: &str, prefix: &str) -> Self {
        Self { url: url.to_owned(), prefix: prefix.to_owned() }
    }

    /// Connects.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn visit(&self) -> Result<Visitor> {
        let runtime = async_rs::Runtime::tokio_current();
        let connection = Connection::connect_with_runtime(&self.url, ConnectionProperties::default(), runtime).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Visitor { connection, channel, prefix: self.prefix.clone() })
    }

    /// Takes it all away; nothing may be in any queue.
    ///
    /// # Errors
    /// When there is.
    pub(crate) async fn remove(&self) -> Result<()> {
        let visitor = self.visit().await?;
        for queue in QUEUES {
            let left = visitor.take(queue).await?;
            ensure!(left.is_none(), "{queue} was left with {left:?}");
            visitor.delete(queue).await?;
        }
        for exchange in EXCHANGES {
            let name = visitor.name(exchange);
            visitor.channel.exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default()).await?;
        }
        visitor.leave().await
    }
}

/// A client of the broker that has nothing to do with the shop.
#[derive(Debug)]
pub struct Visitor {
    connection: Connection,
    channel: Channel,
    prefix: String,
}

/// A message as it goes over the broker.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its routing key.
    pub routing_key: String,
    /// Its body as JSON.
    pub body: Value,
}

impl Message {
    /// The same as somebody would send it who does not remember having sent it.
    #[must_use]
    pub fn under_another_id(&self) -> Self {
        let mut other = self.clone();
        other.body["id"] = json!(Uuid::now_v7());
        other
    }

    /// What payments would say if it had decided otherwise about this order. Only of its answers about a payment.
    #[must_use]
    pub fn contradicted(&self) -> Self {
        let mut other = self.under_another_id();
        let paid = self.routing_key == "payment.succeeded";
        let word = if paid { "declined" } else { "succeeded" };
        other.routing_key = format!("payment.{word}");
        other.body["type"] = json!(format!("gozon.payment.{word}.v1"));
        match paid {
            true => other.body["data"]["reason"] = json!("insufficient_funds"),
            false => other.body["data"]["transaction_id"] = json!(Uuid::now_v7()),
        }
        other
    }
}

impl Visitor {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Publishes to the shop's exchange, and comes back when it is in a queue.
    ///
    /// # Errors
    /// When it is not.
    pub async fn publish(&self, routing_key: &str, body: &[u8], properties: BasicProperties) -> Result<()> {
        self.send(&self.name("gozon"), routing_key, body, properties).await
    }

    /// Puts a message into this queue and no other, and comes back when it is there.
    ///
    /// # Errors
    /// When it is not.
    pub async fn put(&self, queue: &str, body: &[u8]) -> Result<()> {
        self.send("", &self.name(queue), body, BasicProperties::default()).await
    }

    async fn send(&self, exchange: &str, key: &str, body: &[u8], properties: BasicProperties) -> Result<()> {
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let published = self.channel.basic_publish(exchange.into(), key.into(), mandatory, body, properties).await?;
        let confirmation = published.await?;
        ensure!(confirmation.is_ack() && confirmation.take_message().is_none(), "nobody takes {key}");
        Ok(())
    }

    /// Publishes a message that is JSON.
    ///
    /// # Errors
    /// When it is in no queue then.
    pub async fn say(&self, message: &Message) -> Result<()> {
        self.publish(&message.routing_key, message.body.to_string().as_bytes(), BasicProperties::default()).await
    }

    /// Listens in on everything that is said about payments, from now on.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn tap(&self) -> Result<Tap> {
        let exclusive = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let queue = self.channel.queue_declare("".into(), exclusive, FieldTable::default()).await?;
        let (name, exchange) = (queue.name().clone(), self.name("gozon"));
        let (bind, table) = (QueueBindOptions::default(), FieldTable::default());
        self.channel.queue_bind(name.clone(), exchange.as_str().into(), "payment.*".into(), bind, table).await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        Ok(Tap(self.channel.basic_consume(name, "".into(), options, FieldTable::default()).await?))
    }

    /// Takes a message out of a queue, if there is one.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn take(&self, queue: &str) -> Result<Option<String>> {
        Ok(self.take_bytes(queue).await?.map(|body| String::from_utf8_lossy(&body).into_owned()))
    }

    /// The same, byte for byte.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn take_bytes(&self, queue: &str) -> Result<Option<Vec<u8>>> {
        let gone = BasicGetOptions { no_ack: true };
        let message = self.channel.basic_get(self.name(queue).as_str().into(), gone).await?;
        Ok(message.map(|message| message.delivery.data))
    }

    /// Messages that wait in a queue.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn depth(&self, queue: &str) -> Result<u32> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let name = self.name(queue);
        Ok(self.channel.queue_declare(name.as_str().into(), passive, FieldTable::default()).await?.message_count())
    }

    /// Waits until a queue has so many messages.
    ///
    /// # Errors
    /// When it does not get them.
    pub async fn until_depth(&self, queue: &str, depth: u32) -> Result<()> {
        eventually(&format!("{depth} messages in {queue}"), || async move {
            Ok((self.depth(queue).await? == depth).then_some(()))
        })
        .await
    }

    async fn delete(&self, queue: &str) -> Result<()> {
        self.channel.queue_delete(self.name(queue).as_str().into(), QueueDeleteOptions::default()).await?;
        Ok(())
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// When it is broken.
    pub async fn leave(self) -> Result<()> {
        Ok(self.connection.close(200, "done".into()).await?)
    }
}

/// What is said on the broker, overheard.
#[derive(Debug)]
pub struct Tap(Consumer);

impl Tap {
    /// The next message.
    ///
    /// # Errors
    /// When nothing is said for too long, or what is said is not JSON.
    pub async fn next(&mut self) -> Result<Message> {
        let (routing_key, body) = self.hear().await?;
        Ok(Message { routing_key, body: serde_json::from_slice(&body)? })
    }

    /// The routing key and the body of whatever is said next.
    ///
    /// # Errors
    /// When nothing is said for too long.
    pub async fn hear(&mut self) -> Result<(String, Vec<u8>)> {
        let Some(delivery) = timeout(LIMIT, self.0.next()).await.context("nothing is said")? else {
            bail!("the connection is gone");
        };
        let delivery = delivery?;
        Ok((delivery.routing_key.to_string(), delivery.data))
    }

    /// The next messages.
    ///
    /// # Errors
    /// When nothing is said for too long.
    pub async fn take(&mut self, number: usize) -> Result<Vec<Message>> {
        let mut messages = Vec::with_capacity(number);
        while messages.len() < number {
            messages.push(self.next().await?);
        }
        Ok(messages)
    }
}
