//! The dead-letter queues: putting a message there with its reason, and an operator's look at what is there.
//! Absent: any automatic replay; what lies here was judged hopeless.

use super::{ANSWER_TIMEOUT, RabbitMq, link::Link, topology::Names};
use crate::broker::{DeadLetter, PublishError, Queue, Verdict};
use lapin::{
    BasicProperties, Channel,
    message::BasicGetMessage,
    options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::time::timeout;

const PERSISTENT: u8 = 2;
/// The header that says why.
const REASON_HEADER: &str = "x-gozon-reason";
/// Dead letters looked at in one go.
const MOST_LOOKED_AT: usize = 10_000;

/// Publishes to the dead-letter exchange and waits for the confirm, so that the original may be acknowledged.
pub(super) async fn publish(link: &Link, names: &Names, queue: Queue, dead: &DeadLetter) -> lapin::Result<()> {
    let mut headers = FieldTable::default();
    headers.insert(REASON_HEADER.into(), AMQPValue::LongString(dead.reason.as_str().into()));
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(dead.id.as_str().into())
        .with_headers(headers);
    if confirmed(link, &names.dead_exchange, &names.queue(queue), &dead.body, properties).await? {
        return Ok(());
    }
    Err(lapin::ErrorKind::InvalidChannelState(lapin::ChannelState::Error, "dead letter unconfirmed").into())
}

/// Publishes one message and says whether it is safe.
async fn confirmed(
    link: &Link,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<bool> {
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let channel = link.publisher().await;
    failpoints::point!("rabbitmq::before-dead-letter", return Err(super::planted()));
    let published =
        async { channel.basic_publish(exchange.into(), key.into(), mandatory, body, properties).await?.await };
    let Ok(confirm) = timeout(ANSWER_TIMEOUT, published).await else {
        link.give_up();
        return Ok(false);
    };
    failpoints::point!("rabbitmq::after-dead-letter", return Err(super::planted()));
    let confirm = confirm?;
    Ok(confirm.is_ack() && confirm.take_message().is_none())
}

impl RabbitMq {
    /// Shows every dead letter of the queue to `judge` and does what it says. Letters kept stay in their place.
    ///
    /// # Errors
    /// [`PublishError::Unreachable`] when there is no connection or it breaks; what was judged until then is done.
    pub async fn dead_letters(
        &self,
        queue: Queue,
        mut judge: impl FnMut(&DeadLetter) -> Verdict,
    ) -> Result<(), PublishError> {
        let mut links = self.publishing.clone();
        let link = timeout(ANSWER_TIMEOUT, links.next()).await.ok().flatten().ok_or(PublishError::Unreachable)?;
        let looked = self.look(&link, queue, &mut judge).await;
        looked.map_err(|error| {
            tracing::warn!(%error, queue = queue.name, "looking at dead letters failed");
            PublishError::Unreachable
        })
    }

    async fn look(
        &self,
        link: &Link,
        queue: Queue,
        judge: &mut impl FnMut(&DeadLetter) -> Verdict,
    ) -> lapin::Result<()> {
        let channel = link.channel().await?;
        let name = self.names.dead_queue(queue);
        for position in 1..=MOST_LOOKED_AT {
            let Some(message) = channel.basic_get(name.as_str().into(), BasicGetOptions::default()).await? else {
                break;
            };
            let letter = letter(&message, position);
            match judge(&letter) {
                Verdict::Keep => {}
                Verdict::Discard => {
                    channel.basic_ack(message.delivery.delivery_tag, BasicAckOptions::default()).await?
                }
                Verdict::Replay => self.replay(link, &channel, queue, &message).await?,
            }
        }
        // What was only looked at is handed back, in its old place. Closing would do that as well, some time after it was answered: who
        // looks again at once would miss some.
        let all = BasicNackOptions { multiple: true, requeue: true };
        channel.basic_nack(0, all).await?;
        channel.close(200, "looked".into()).await
    }

    async fn replay(
        &self,
        link: &Link,
        channel: &Channel,
        queue: Queue,
        message: &BasicGetMessage,
    ) -> lapin::Result<()> {
        let properties = message.delivery.properties.clone();
        if confirmed(link, "", &self.names.queue(queue), &message.delivery.data, properties).await? {
            channel.basic_ack(message.delivery.delivery_tag, BasicAckOptions::default()).await?;
        }
        Ok(())
    }
}

fn letter(message: &BasicGetMessage, position: usize) -> DeadLetter {
    let properties = &message.delivery.properties;
    let reason = match properties.headers().as_ref().and_then(|headers| headers.inner().get(REASON_HEADER)) {
        Some(AMQPValue::LongString(reason)) => reason.to_string(),
        _ => "dead-lettered by the broker: returned too often".to_owned(),
    };
    let id = properties.message_id().as_ref().map_or_else(|| format!("#{position}"), ToString::to_string);
    DeadLetter { id, reason, body: message.delivery.data.clone() }
}
