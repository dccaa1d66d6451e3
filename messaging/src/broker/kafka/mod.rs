//! Kafka: an idempotent producer, a group a service, offsets that never pass what is not settled. The only room that names `rdkafka`.
//! Absent: a consumer's own reconnecting; librdkafka does that, and the group knows where it was.

mod burying;
mod dead;
mod link;
mod listening;
mod publish;
mod settings;
mod subscription;
mod threads;
mod topics;
mod watermark;
mod window;

use super::{Broker, Listener, ORDERS_PAYMENT_RESULTS, PAYMENTS_REQUESTS, PublishError, Queue, Subscription};
use crate::{Announcement, Letter};
use async_trait::async_trait;
use link::Links;
use settings::Settings;
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};
use supervision::Vitals;
use tokio::sync::watch;
use topics::Names;
pub use topics::Shape;
use window::Siblings;

/// Batches on their way at once; the producer interleaves them.
const LANES: usize = 4;
/// A broker that has answered nothing for so long counts as gone (half-open, stalled).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach the broker.
#[derive(Clone, Debug)]
pub struct Options {
    /// `kafka://host:port,host:port`.
    pub url: String,
    /// Put before every topic's and group's name; empty outside tests.
    pub prefix: String,
    /// How the clients name themselves.
    pub connection_name: String,
    /// How topics are made that are not there; without it none is made.
    pub shape: Option<Shape>,
}

/// A URL that names no Kafka.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be kafka://host:port,host:port: {0}")]
pub struct InvalidUrl(String);

impl InvalidUrl {
    fn because(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// Kafka, reached again and again. A cheap clone.
#[derive(Clone)]
pub struct Kafka {
    links: Links,
    settings: Settings,
    names: Arc<Names>,
    /// Of either queue's subscriptions.
    siblings: [Arc<Siblings>; 2],
    vitals: Arc<OnceLock<Vitals>>,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Kafka {
    /// Starts connecting in the background, for ever; whether or not the broker answers yet.
    ///
    /// # Errors
    /// [`InvalidUrl`] when the URL is none for Kafka.
    pub fn start(options: Options) -> Result<Self, InvalidUrl> {
        let settings = Settings::parse(&options.url, &options.connection_name)?;
        let names = Arc::new(Names::new(&options.prefix));
        let links = Links::start(settings.clone(), names.clone(), options.shape);
        Ok(Self { links, settings, names, siblings: Default::default(), vitals: Arc::default() })
    }

    fn siblings(&self, queue: Queue) -> Arc<Siblings> {
        debug_assert!(queue == ORDERS_PAYMENT_RESULTS || queue == PAYMENTS_REQUESTS);
        self.siblings[usize::from(queue == ORDERS_PAYMENT_RESULTS)].clone()
    }
}

#[async_trait]
impl Broker for Kafka {
    async fn publish(&self, batch: &[Letter]) -> Vec<Result<(), PublishError>> {
        match self.links.current() {
            Some(link) => publish::batch(&link, &self.names, batch).await,
            None => vec![Err(PublishError::Unreachable); batch.len()],
        }
    }

    fn system(&self) -> &'static str {
        "kafka"
    }

    fn lanes(&self) -> usize {
        LANES
    }

    fn reachable(&self) -> watch::Receiver<bool> {
        self.links.reachable()
    }

    fn subscribe(&self, queue: Queue, prefetch: u16) -> Box<dyn Subscription> {
        Box::new(subscription::KafkaSubscription::new(self.clone(), queue, prefetch))
    }

    async fn announce(&self, announcement: Announcement) {
        if let Some(link) = self.links.current() {
            listening::announce(&link, &self.names, &announcement).await;
        }
    }

    fn listen(&self) -> Box<dyn Listener> {
        Box::new(listening::KafkaListener::new(self.links.clone(), self.settings.clone(), self.names.clone()))
    }

    fn keeps_dead_letters(&self) -> bool {
        true
    }

    fn count_with(&self, vitals: &Vitals) {
        [subscription::NAME, burying::NAME].into_iter().for_each(|name| vitals.started(name));
        // The first one counts: there is one service.
        drop(self.vitals.set(vitals.clone()));
    }

    async fn close(&self) {
        self.links.close().await;
    }
}
