//! RabbitMQ: quorum queues, pipelined publisher confirms, a reconnect loop of our own. The only room that names `lapin`.
//! Absent: lapin's automatic recovery (young; it cannot say which confirms it lost).

mod announcing;
#[cfg(test)]
mod asyncapi;
mod dead;
mod link;
mod publish;
mod settling;
mod subscription;
mod topology;

use super::{Broker, Listener, PublishError, Queue, Subscription};
use crate::{Announcement, Letter};
use async_trait::async_trait;
use lapin::uri::AMQPUri;
use link::Links;
use std::{
    fmt,
    sync::{Arc, LazyLock, OnceLock},
    time::Duration,
};
use subscription::{Asking, RabbitSubscription, Seniority};
use supervision::Vitals;
use tokio::sync::watch;
use topology::Names;

/// Batches on their way at once, each on a channel of its own.
const LANES: usize = 4;
/// Anything that the broker has not answered by then counts as failed, and the connection as broken (half-open, stalled).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach the broker.
#[derive(Clone)]
pub struct Options {
    /// `amqp://user:password@host:port/vhost`.
    pub url: String,
    /// Put before every exchange's and queue's name; empty outside tests.
    pub prefix: String,
    /// Shown in the broker's management.
    pub connection_name: String,
}

impl fmt::Debug for Options {
    /// Without the URL, which holds the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("prefix", &self.prefix)
            .field("connection_name", &self.connection_name)
            .finish_non_exhaustive()
    }
}

/// What a test plants where the broker is told something.
#[cfg(feature = "failpoints")]
fn planted() -> lapin::Error {
    lapin::ErrorKind::InvalidChannelState(lapin::ChannelState::Error, "planted by a test").into()
}

/// A URL that names no RabbitMQ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be amqp://user:password@host:port/vhost: {0}")]
pub struct InvalidUrl(String);

type Start = Box<dyn FnOnce() -> Links + Send>;

/// Connections to RabbitMQ that come back by themselves. A cheap clone.
///
/// Three, because the broker stops reading from a connection that publishes more than it can take, and, when it is short of memory or
/// disk, from every one that publishes. Acknowledgements, which would give it room, must not wait for that; nor must announcements, which
/// cost it next to nothing: some waited for a sixth of a second behind requests, and tell placing what has ended (decision 16). Who announces
/// nothing has no connection for it.
#[derive(Clone, Debug)]
pub struct RabbitMq {
    publishing: Links,
    consuming: Links,
    announcing: Arc<LazyLock<Links, Start>>,
    names: Arc<Names>,
    seniority: Seniority,
    vitals: Arc<OnceLock<Vitals>>,
}

impl RabbitMq {
    /// Starts connecting in the background, for ever; whether or not the broker answers yet.
    ///
    /// # Errors
    /// [`InvalidUrl`] when the URL is none for AMQP.
    pub fn start(options: Options) -> Result<Self, InvalidUrl> {
        let uri: AMQPUri = options.url.parse().map_err(InvalidUrl)?;
        let names = Arc::new(Names::new(&options.prefix));
        let consuming = format!("{} (consuming)", options.connection_name);
        // It publishes dead letters only.
        let consuming = Links::start(uri.clone(), consuming, names.clone(), 1);
        let announcing: Start = Box::new({
            let (uri, name, names) = (uri.clone(), format!("{} (announcing)", options.connection_name), names.clone());
            || Links::start(uri, name, names, 0)
        });
        let announcing = Arc::new(LazyLock::new(announcing));
        let publishing = Links::start(uri, options.connection_name, names.clone(), LANES);
        let seniority = Seniority::from_now_on();
        Ok(Self { publishing, consuming, announcing, names, seniority, vitals: Arc::default() })
    }
}

#[async_trait]
impl Broker for RabbitMq {
    async fn publish(&self, batch: &[Letter]) -> Vec<Result<(), PublishError>> {
        match self.publishing.current() {
            Some(link) => publish::batch(&link, &self.names, batch).await,
            None => vec![Err(PublishError::Unreachable); batch.len()],
        }
    }

    fn system(&self) -> &'static str {
        "rabbitmq"
    }

    fn lanes(&self) -> usize {
        LANES
    }

    fn reachable(&self) -> watch::Receiver<bool> {
        self.publishing.reachable()
    }

    fn subscribe(&self, queue: Queue, prefetch: u16) -> Box<dyn Subscription> {
        let (links, names, vitals) = (self.consuming.clone(), self.names.clone(), self.vitals.clone());
        let asking = Asking { links, names, queue, prefetch, seniority: self.seniority, vitals };
        Box::new(RabbitSubscription::new(asking))
    }

    async fn announce(&self, announcement: Announcement) {
        if let Some(link) = self.announcing.current() {
            announcing::announce(&link, &self.names, &announcement).await;
        }
    }

    fn audible(&self) -> watch::Receiver<bool> {
        self.announcing.reachable()
    }

    fn listen(&self) -> Box<dyn Listener> {
        Box::new(announcing::RabbitListener::new(self.consuming.clone(), self.names.clone()))
    }

    fn keeps_dead_letters(&self) -> bool {
        true
    }

    fn count_with(&self, vitals: &Vitals) {
        vitals.started(settling::NAME);
        // The first one counts: there is one service.
        drop(self.vitals.set(vitals.clone()));
    }

    async fn close(&self) {
        // Also one that was not begun: it shall not begin afterwards.
        tokio::join!(self.publishing.close(), self.consuming.close(), self.announcing.close());
    }
}
