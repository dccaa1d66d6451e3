//! One connection to RabbitMQ after the other: made, watched, given up and made again, for ever.
//! Absent: anything that must survive a connection; publishers and subscribers start over on the next one.

use super::{
    ANSWER_TIMEOUT,
    topology::{Names, declare},
};
use async_rs::Runtime;
use futures_util::{
    FutureExt, StreamExt,
    future::{join_all, select_all},
    stream::BoxStream,
};
use lapin::{Channel, Connection, ConnectionProperties, Event, options::ConfirmSelectOptions, uri::AMQPUri};
use std::{
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::Duration,
};
use store::chance;
use tokio::{
    sync::{Mutex, MutexGuard, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// The first wait after a connection was lost; each failure doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait: an operator who has repaired the broker sees the shop come back within seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Notices a peer that is gone without a word within about twice this time.
const HEARTBEAT_SECONDS: u16 = 10;
/// How long a goodbye may take; what it would have said, the broker finds out by itself.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// One connection.
pub(super) struct Link {
    connection: Connection,
    /// In confirm mode. One batch at a time on each: a returned message is credited to whichever confirm of the channel comes next.
    publishers: Vec<Mutex<Channel>>,
    /// Not in confirm mode: for what nobody confirms.
    pub announcer: Channel,
    /// What still has acknowledgements to send.
    settling: StdMutex<Vec<JoinHandle<()>>>,
    broken: CancellationToken,
}

impl Link {
    /// Says that the connection is of no use any more; the loop makes the next one.
    pub fn give_up(&self) {
        self.broken.cancel();
    }

    pub fn is_broken(&self) -> bool {
        self.broken.is_cancelled()
    }

    /// Takes note of a task that ends by itself once it has sent what it has to.
    pub fn keep(&self, task: JoinHandle<()>) {
        let mut settling = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        settling.retain(|task| !task.is_finished());
        settling.push(task);
    }

    /// Lets acknowledgements reach the broker, so that nothing that was handled is delivered again for nothing.
    async fn settled(&self) {
        let settling = std::mem::take(&mut *self.settling.lock().unwrap_or_else(PoisonError::into_inner));
        drop(timeout(CLOSE_TIMEOUT, join_all(settling)).await);
    }

    /// A channel to publish on, for this batch alone.
    pub async fn publisher(&self) -> MutexGuard<'_, Channel> {
        select_all(self.publishers.iter().map(|publisher| publisher.lock().boxed())).await.0
    }

    pub async fn channel(&self) -> lapin::Result<Channel> {
        self.connection.create_channel().await
    }
}

/// The connections of one process to one broker. A cheap clone.
#[derive(Clone)]
pub(super) struct Links {
    link: watch::Receiver<Option<Arc<Link>>>,
    reachable: watch::Receiver<bool>,
    closing: CancellationToken,
    closed: CancellationToken,
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").field("reachable", &*self.reachable.borrow()).finish_non_exhaustive()
    }
}

impl Links {
    /// `publishers` is how many batches may be on their way at once.
    pub fn start(uri: AMQPUri, name: String, names: Arc<Names>, publishers: usize) -> Self {
        let (link_sender, link) = watch::channel(None);
        let (reachable_sender, reachable) = watch::channel(false);
        let links = Self { link, reachable, closing: CancellationToken::new(), closed: CancellationToken::new() };
        let (link, reachable) = (link_sender, reachable_sender);
        let connecting = Connecting { uri, name, names, publishers, link, reachable };
        let (closing, closed) = (links.closing.clone(), links.closed.clone());
        tokio::spawn(async move {
            connecting.run(&closing).await;
            closed.cancel();
        });
        links
    }

    /// The connection by which a message can be published now.
    pub fn current(&self) -> Option<Arc<Link>> {
        if *self.reachable.borrow() { self.link.borrow().clone() } else { None }
    }

    /// Waits for a connection that nobody has given up; `None` once closed.
    pub async fn next(&mut self) -> Option<Arc<Link>> {
        let whole = |link: &Option<Arc<Link>>| link.as_ref().is_some_and(|link| !link.is_broken());
        tokio::select! {
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

    pub async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }
}

struct Connecting {
    uri: AMQPUri,
    name: String,
    names: Arc<Names>,
    publishers: usize,
    link: watch::Sender<Option<Arc<Link>>>,
    reachable: watch::Sender<bool>,
}

impl Connecting {
    async fn run(self, closing: &CancellationToken) {
        let mut failures = 0_u32;
        while let Some(connected) = closing.run_until_cancelled(timeout(ANSWER_TIMEOUT, self.connect())).await {
            match connected {
                Ok(Ok((link, events))) => {
                    tracing::info!(host = %self.uri.authority.host, "connected to the broker");
                    let since = Instant::now();
                    self.watch(link, events, closing).await;
                    // One that breaks again and again, such as over a queue of another make, must not be made ten times a second.
                    if since.elapsed() > LONGEST_WAIT {
                        failures = 0;
                    }
                }
                Ok(Err(error)) => tracing::warn!(%error, failures, "the broker cannot be reached"),
                Err(_) => tracing::warn!(failures, "the broker does not answer"),
            }
            if closing.run_until_cancelled(sleep(wait(failures))).await.is_none() {
                return;
            }
            failures = failures.saturating_add(1);
        }
    }

    async fn connect(&self) -> lapin::Result<(Arc<Link>, BoxStream<'static, Event>)> {
        let mut uri = self.uri.clone();
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        let properties = ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        let connection = Connection::connect_uri_with_runtime(uri, properties, Runtime::tokio_current()).await?;
        let events = connection.events_listener().boxed();
        let announcer = connection.create_channel().await?;
        declare(&announcer, &self.names).await?;
        let mut publishers = Vec::with_capacity(self.publishers);
        for _ in 0..self.publishers {
            publishers.push(Mutex::new(publisher(&connection).await?));
        }
        let (settling, broken) = (StdMutex::default(), CancellationToken::new());
        Ok((Arc::new(Link { connection, publishers, announcer, settling, broken }), events))
    }

    /// Offers the link until it breaks.
    async fn watch(&self, link: Arc<Link>, mut events: BoxStream<'static, Event>, closing: &CancellationToken) {
        self.link.send_replace(Some(link.clone()));
        self.reachable.send_replace(true);
        loop {
            tokio::select! {
                () = closing.cancelled() => break link.settled().await,
                () = link.broken.cancelled() => break,
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!(reason, "the broker takes no messages for now");
                        self.reachable.send_replace(false);
                    }
                    Some(Event::ConnectionUnblocked) => drop(self.reachable.send_replace(true)),
                    Some(Event::Error(error)) => {
                        tracing::warn!(%error, "the connection to the broker broke");
                        break;
                    }
                    Some(_) => {}
                    None => break,
                },
            }
        }
        link.broken.cancel();
        self.reachable.send_replace(false);
        self.link.send_replace(None);
        // A broken connection does not answer the close, and need not.
        drop(timeout(CLOSE_TIMEOUT, link.connection.close(200, "closing".into())).await);
    }
}

async fn publisher(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    // Without this every publish would count as confirmed at once.
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// Doubles with each failure, with jitter, so that all instances of a shop do not knock at the same moment.
fn wait(failures: u32) -> Duration {
    chance::jittered(FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_its_bound_and_is_never_nothing() {
        for failures in [0, 1, 5, 20, u32::MAX] {
            let wait = wait(failures);
            assert!(wait >= FIRST_WAIT / 2 && wait <= LONGEST_WAIT, "{failures}: {wait:?}");
        }
    }
}
