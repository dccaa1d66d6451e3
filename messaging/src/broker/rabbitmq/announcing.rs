//! Announcements: transient messages to an exclusive, auto-deleted queue of each listener.
//! Absent: confirms and acknowledgements; what is lost is made good from the database.

use super::{
    ANSWER_TIMEOUT,
    link::{Link, Links},
    topology::Names,
};
use crate::{
    Announcement,
    broker::{Heard, Listener},
    event::CONTENT_TYPE,
};
use async_trait::async_trait;
use futures_util::StreamExt;
use lapin::{
    BasicProperties, Consumer,
    options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use saga::messages::{OrderStatusChanged, routing_key};
use std::sync::Arc;
use tokio::time::timeout;

/// AMQP's `delivery_mode` for "memory will do".
pub(super) const TRANSIENT: u8 = 1;

/// Hands the announcement to the connection. No mandatory flag: perhaps nobody else listens.
pub(super) async fn announce(link: &Link, names: &Names, announcement: &Announcement) {
    let key = routing_key(OrderStatusChanged::TYPE);
    let properties = BasicProperties::default().with_content_type(CONTENT_TYPE.into()).with_delivery_mode(TRANSIENT);
    let (exchange, body) = (names.exchange.as_str().into(), announcement.body.as_bytes());
    let said = link.announcer.basic_publish(exchange, key.into(), BasicPublishOptions::default(), body, properties);
    match timeout(ANSWER_TIMEOUT, said).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an announcement was lost"),
        Err(_) => link.give_up(),
    }
}

/// Listens over one connection after the other.
pub(super) struct RabbitListener {
    links: Links,
    names: Arc<Names>,
    ear: Option<Consumer>,
}

impl RabbitListener {
    pub fn new(links: Links, names: Arc<Names>) -> Self {
        Self { links, names, ear: None }
    }

    async fn open(&self, link: &Link) -> lapin::Result<Consumer> {
        let channel = link.channel().await?;
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?;
        let (name, key) = (queue.name().clone(), routing_key(OrderStatusChanged::TYPE));
        let (exchange, bind) = (self.names.exchange.as_str().into(), QueueBindOptions::default());
        channel.queue_bind(name.clone(), exchange, key.into(), bind, FieldTable::default()).await?;
        let consume = BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
        channel.basic_consume(name, "".into(), consume, FieldTable::default()).await
    }

    /// Waits for an ear; `None` once the broker is closed.
    async fn listen_again(&mut self) -> Option<Heard> {
        loop {
            let link = self.links.next().await?;
            match timeout(ANSWER_TIMEOUT, self.open(&link)).await {
                Ok(Ok(ear)) => {
                    self.ear = Some(ear);
                    return Some(Heard::Back);
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "listening failed");
                    link.give_up();
                }
                Err(_) => link.give_up(),
            }
        }
    }
}

#[async_trait]
impl Listener for RabbitListener {
    async fn next(&mut self) -> Option<Heard> {
        let closing = self.links.closing().clone();
        let Some(ear) = &mut self.ear else { return self.listen_again().await };
        let heard = tokio::select! {
            biased;
            () = closing.cancelled() => return None,
            heard = ear.next() => heard,
        };
        match heard {
            Some(Ok(delivery)) => Some(Heard::Message(delivery.data)),
            Some(Err(_)) | None => {
                self.ear = None;
                Some(Heard::Lost)
            }
        }
    }
}
