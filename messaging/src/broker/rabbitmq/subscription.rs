//! Consuming a queue over one connection after the other.
//! Absent: acknowledging (`settling`).

use super::{
    ANSWER_TIMEOUT,
    link::{Link, Links},
    settling::{Settling, Tags},
    topology::Names,
};
use crate::broker::{Delivery, Queue, Receipt, Settle, Settlement, Subscription};
use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use lapin::{
    Consumer,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use std::{
    sync::{Arc, OnceLock},
    time::{SystemTime, UNIX_EPOCH},
};
use supervision::Vitals;
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::timeout,
};

/// Deliveries passed on in one go.
const MOST_AT_ONCE: usize = 1024;

pub(super) struct RabbitSubscription {
    asking: Asking,
    consuming: Option<Consuming>,
    /// The way to a consumer. It goes on where it was when `next` is given up meanwhile: half a consumer that nobody knows of would be
    /// handed messages that nobody settles.
    beginning: Option<BoxFuture<'static, Option<Consuming>>>,
}

/// Since when a process has been there, as the priority of its consumers: whoever came first comes first, on all its connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seniority(i64);

impl Seniority {
    pub fn from_now_on() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).map_or(i64::MIN, i64::wrapping_neg))
    }

    /// How to consume. Source: <https://www.rabbitmq.com/docs/consumer-priority>.
    fn arguments(self) -> FieldTable {
        let mut arguments = FieldTable::default();
        arguments.insert("x-priority".into(), AMQPValue::LongLongInt(self.0));
        arguments
    }
}

type Consuming = (Consumer, Arc<Settlements>);

/// What it takes to ask for a consumer.
#[derive(Clone)]
pub(super) struct Asking {
    pub links: Links,
    pub names: Arc<Names>,
    pub queue: Queue,
    pub prefetch: u16,
    pub seniority: Seniority,
    pub vitals: Arc<OnceLock<Vitals>>,
}

/// Bounded by the prefetch: there is at most one settlement a delivery.
struct Settlements(UnboundedSender<(u64, Settlement)>);

impl Settle for Settlements {
    fn settle(&self, tag: u64, settlement: Settlement) {
        // The channel is gone: the broker has handed the message back already.
        drop(self.0.send((tag, settlement)));
    }
}

impl Asking {
    async fn consume(&self, link: &Arc<Link>) -> lapin::Result<Consuming> {
        let channel = link.channel().await?;
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let (name, options) = (self.names.queue(self.queue), BasicConsumeOptions::default());
        let arguments = self.seniority.arguments();
        let consumer = channel.basic_consume(name.as_str().into(), "".into(), options, arguments).await?;
        let (sender, settlements) = unbounded_channel();
        let (names, queue, prefetch) = (self.names.clone(), self.queue, self.prefetch);
        let (link, vitals, tags) = (link.clone(), self.vitals.clone(), Tags::default());
        let settling = Settling { channel, link: link.clone(), names, queue, prefetch, vitals, tags };
        link.keep(tokio::spawn(settling.run_guarded(settlements)));
        Ok((consumer, Arc::new(Settlements(sender))))
    }

    /// Asks until there is a consumer; `None` once the broker is closed.
    async fn begin(mut self) -> Option<Consuming> {
        loop {
            let link = self.links.next().await?;
            match timeout(ANSWER_TIMEOUT, self.consume(&link)).await {
                Ok(Ok(consuming)) => return Some(consuming),
                Ok(Err(error)) => {
                    tracing::warn!(%error, queue = self.queue.name, "consuming failed");
                    link.give_up();
                }
                Err(_) => link.give_up(),
            }
        }
    }
}

impl RabbitSubscription {
    pub fn new(asking: Asking) -> Self {
        Self { asking, consuming: None, beginning: None }
    }

    /// Makes sure that there is a consumer; `None` once the broker is closed.
    async fn consuming(&mut self) -> Option<()> {
        if self.consuming.is_none() {
            let begun = self.beginning.get_or_insert_with(|| self.asking.clone().begin().boxed()).await;
            self.beginning = None;
            self.consuming = Some(begun?);
        }
        Some(())
    }

    /// What has arrived behind `first`. The end of the consumer comes as an item too, once, and must not get lost here.
    fn arrived(&mut self, first: lapin::message::Delivery) -> Vec<Delivery> {
        let Some((mut consumer, settlements)) = self.consuming.take() else { return Vec::new() };
        let mut arrived = vec![delivery(first, &settlements)];
        while arrived.len() < MOST_AT_ONCE {
            match consumer.next().now_or_never() {
                Some(Some(Ok(next))) => arrived.push(delivery(next, &settlements)),
                Some(Some(Err(_)) | None) => return arrived,
                None => break,
            }
        }
        self.consuming = Some((consumer, settlements));
        arrived
    }
}

#[async_trait]
impl Subscription for RabbitSubscription {
    async fn next(&mut self) -> Option<Vec<Delivery>> {
        let closing = self.asking.links.closing().clone();
        loop {
            self.consuming().await?;
            let (consumer, _) = self.consuming.as_mut()?;
            let first = tokio::select! {
                biased;
                () = closing.cancelled() => return None,
                first = consumer.next() => first,
            };
            match first {
                Some(Ok(first)) => return Some(self.arrived(first)),
                // The connection broke, or the broker cancelled the consumer because its queue is gone.
                Some(Err(_)) | None => self.consuming = None,
            }
        }
    }
}

fn delivery(from: lapin::message::Delivery, settlements: &Arc<Settlements>) -> Delivery {
    let receipt = Receipt::new(from.delivery_tag, settlements.clone());
    Delivery { body: from.data, redelivered: from.redelivered, receipt }
}
