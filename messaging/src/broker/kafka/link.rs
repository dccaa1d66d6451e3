//! One producer after the other: made, watched, given up and made again, for ever.
//! Absent: librdkafka's own patience; what its caller was told is not safe must not be sent behind its back.

use super::{
    ANSWER_TIMEOUT,
    publish::{Ticket, Voice},
    settings::Settings,
    threads::Threads,
    topics::{self, Names, NoTopics, Shape},
};
use rdkafka::{
    config::FromClientConfigAndContext,
    error::KafkaError,
    producer::{BaseRecord, Producer, ThreadedProducer},
};
use std::{sync::Arc, time::Duration};
use store::chance;
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

/// The first wait after a producer was given up; each failure doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait: an operator who has repaired the broker sees the shop come back within seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often a broker that nobody publishes to is asked something: one that is gone without a word is noticed within twice this time.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// How long a goodbye may take; what it would have said, the broker finds out by itself.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A record with the ticket by which its delivery report finds the batch.
pub(super) type Record<'a> = BaseRecord<'a, [u8], [u8], Box<Ticket>>;

/// One producer.
pub(super) struct Link {
    /// There until the end: dropping it blocks, so that is left to a thread.
    producer: Option<ThreadedProducer<Voice>>,
    broken: CancellationToken,
    threads: Threads,
}

impl Link {
    /// Says that the producer is of no use any more; the loop makes the next one.
    pub fn give_up(&self) {
        self.broken.cancel();
    }

    pub fn is_broken(&self) -> bool {
        self.broken.is_cancelled()
    }

    pub async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Hands it to the producer, which sends it at once.
    pub fn send(&self, record: Record<'_>) -> Result<(), KafkaError> {
        match &self.producer {
            Some(producer) => producer.send(record).map_err(|(error, _)| error),
            None => Err(KafkaError::Canceled),
        }
    }

    /// Asks the broker for something. It blocks.
    fn ask(&self, topic: &str) -> Result<(), KafkaError> {
        let producer = self.producer.as_ref().ok_or(KafkaError::Canceled)?;
        producer.client().fetch_metadata(Some(topic), ANSWER_TIMEOUT).map(drop)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let producer = self.producer.take();
        self.threads.start("kafka-end", move || drop(producer));
    }
}

/// The producers of one process for one broker. A cheap clone.
#[derive(Clone)]
pub(super) struct Links {
    link: watch::Receiver<Option<Arc<Link>>>,
    reachable: watch::Receiver<bool>,
    closing: CancellationToken,
    closed: CancellationToken,
    threads: Threads,
}

impl Links {
    pub fn start(settings: Settings, names: Arc<Names>, shape: Option<Shape>) -> Self {
        let (link_sender, link) = watch::channel(None);
        let (reachable_sender, reachable) = watch::channel(false);
        let (closing, closed) = (CancellationToken::new(), CancellationToken::new());
        let links = Self { link, reachable, closing, closed, threads: Threads::default() };
        let (link, reachable) = (link_sender, reachable_sender);
        let connecting = Connecting { settings, names, shape, threads: links.threads.clone(), link, reachable };
        let (closing, closed) = (links.closing.clone(), links.closed.clone());
        tokio::spawn(async move {
            connecting.run(&closing).await;
            closed.cancel();
        });
        links
    }

    /// The producer by which a message can be published now.
    pub fn current(&self) -> Option<Arc<Link>> {
        self.link.borrow().clone()
    }

    /// Waits for a producer that nobody has given up; `None` once closed.
    pub async fn next(&mut self) -> Option<Arc<Link>> {
        let whole = |link: &Option<Arc<Link>>| link.as_ref().is_some_and(|link| !link.is_broken());
        tokio::select! {
            biased;
            () = self.closing.cancelled() => None,
            link = self.link.wait_for(whole) => link.ok().and_then(|link| link.clone()),
        }
    }

    pub fn reachable(&self) -> watch::Receiver<bool> {
        self.reachable.clone()
    }

    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    pub async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
        self.threads.ended(CLOSE_TIMEOUT).await;
    }
}

struct Connecting {
    settings: Settings,
    names: Arc<Names>,
    shape: Option<Shape>,
    threads: Threads,
    link: watch::Sender<Option<Arc<Link>>>,
    reachable: watch::Sender<bool>,
}

impl Connecting {
    async fn run(self, closing: &CancellationToken) {
        let mut failures = 0_u32;
        while let Some(connected) = closing.run_until_cancelled(self.connect()).await {
            match connected {
                Ok(link) => {
                    tracing::info!(servers = self.settings.servers, "connected to the broker");
                    let since = Instant::now();
                    self.watch(link, closing).await;
                    if since.elapsed() > LONGEST_WAIT {
                        failures = 0;
                    }
                }
                Err(error) => tracing::warn!(%error, failures, "the broker cannot be reached"),
            }
            if closing.run_until_cancelled(sleep(wait(failures))).await.is_none() {
                return;
            }
            failures = failures.saturating_add(1);
        }
    }

    /// Makes a producer, and the topics if they are not there.
    async fn connect(&self) -> Result<Arc<Link>, NoTopics> {
        let (settings, names, shape) = (self.settings.clone(), self.names.clone(), self.shape);
        let (broken, threads, runtime) = (CancellationToken::new(), self.threads.clone(), Handle::current());
        let connecting = move || {
            let (config, voice) = (settings.producer(), Voice::new(broken.clone()));
            let producer = ThreadedProducer::from_config_and_context(&config, voice)?;
            topics::ensure(producer.client(), &config, &names, shape, &runtime)?;
            // Until here an address of a server that does not answer was none of its business.
            producer.context().heed();
            Ok(Arc::new(Link { producer: Some(producer), broken, threads }))
        };
        self.threads.ask("kafka-begin", connecting).await.unwrap_or(Err(KafkaError::Canceled.into()))
    }

    /// Offers the producer until it breaks.
    async fn watch(&self, link: Arc<Link>, closing: &CancellationToken) {
        self.link.send_replace(Some(link.clone()));
        self.reachable.send_replace(true);
        tokio::select! {
            () = closing.cancelled() => {}
            () = link.broken() => tracing::warn!("the connection to the broker broke"),
            error = self.silence(&link) => tracing::warn!(error, "the broker answers nothing any more"),
        }
        link.give_up();
        self.reachable.send_replace(false);
        self.link.send_replace(None);
    }

    /// Comes back when the broker does not answer.
    async fn silence(&self, link: &Arc<Link>) -> String {
        loop {
            sleep(ASK_EVERY).await;
            let (link, topic) = (link.clone(), self.names.status.clone());
            match self.threads.ask("kafka-ask", move || link.ask(&topic)).await {
                Some(Ok(())) => {}
                Some(Err(error)) => return error.to_string(),
                None => return "asking panicked".to_owned(),
            }
        }
    }
}

/// Doubles with each failure, with jitter, so that all instances of a shop do not knock at the same moment.
pub(super) fn wait(failures: u32) -> Duration {
    chance::jittered(FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_WAIT))
}
