//! Users that watch their orders over WebSockets, and the time from each order's POST to the news of its end.
//! Absent: resuming, and checking what is told; the system tests do that.

use anyhow::{Context, Result, bail};
use e2e::LIMIT;
use futures_util::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use serde::Deserialize;
use std::{
    collections::HashMap,
    mem,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use store::{Clock, Micros};
use tokio::{net::TcpStream, sync::Notify, task::JoinSet, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use uuid::Uuid;

/// Sockets that are opened at the same time.
const AT_ONCE: usize = 64;
/// For thousands of sockets the default of 128 KiB each would be most of this process.
const READ_BUFFER: usize = 4096;

type Stream = WebSocketStream<TcpStream>;

/// What is said about an order.
#[derive(Deserialize)]
struct News<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    order_id: Option<Uuid>,
    status: Option<&'a str>,
}

/// When the orders of those who watch were placed, and when they were told of the end.
#[derive(Debug)]
struct Notes {
    placed: HashMap<Uuid, Instant>,
    /// Of orders whose POST was not answered yet: the news may be faster.
    early: HashMap<Uuid, Instant>,
    latency: Histogram<u64>,
    arrivals: Vec<(Uuid, Micros)>,
}

/// Sockets, and what came over them.
#[derive(Debug)]
pub struct Watch {
    users: usize,
    notes: Arc<Mutex<Notes>>,
    told: Arc<Notify>,
    sockets: JoinSet<Result<()>>,
}

/// What was seen by those who watched.
#[derive(Debug)]
pub struct Seen {
    /// From when an order should have been placed to the news of its end, in microseconds.
    pub latency: Histogram<u64>,
    /// Which order's end was told when.
    pub arrivals: Vec<(Uuid, Micros)>,
}

impl Watch {
    /// Opens a socket for each of these users.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn open(address: SocketAddr, users: &[String]) -> Result<Self> {
        let notes = Arc::new(Mutex::new(Notes::new()?));
        let told = Arc::<Notify>::default();
        let opening = stream::iter(users).map(|user| connect(address, user)).buffer_unordered(AT_ONCE);
        let mut sockets = JoinSet::new();
        for socket in opening.try_collect::<Vec<_>>().await? {
            sockets.spawn(listen(socket, notes.clone(), told.clone()));
        }
        Ok(Self { users: users.len(), notes, told, sockets })
    }

    /// Tells that an order of the user with this number was placed, and when it should have been.
    ///
    /// # Errors
    /// When the time is out of the histogram's range.
    pub fn placed(&self, user: usize, order: Uuid, due: Instant) -> Result<()> {
        if user < self.users { lock(&self.notes).placed(order, due) } else { Ok(()) }
    }

    /// Waits until the users were told of the ends of all their orders.
    ///
    /// # Errors
    /// When a socket ends, or somebody is not told.
    pub async fn all_told(&mut self) -> Result<()> {
        while lock(&self.notes).open() > 0 {
            if let Some(ended) = self.sockets.try_join_next() {
                ended??;
            }
            let told = timeout(LIMIT, self.told.notified()).await;
            told.with_context(|| format!("nobody was told of the end of {} orders", lock(&self.notes).open()))?;
        }
        Ok(())
    }

    /// What was seen. Closes the sockets.
    ///
    /// # Errors
    /// When the histogram cannot be made.
    pub fn close(self) -> Result<Seen> {
        let notes = mem::replace(&mut *lock(&self.notes), Notes::new()?);
        Ok(Seen { latency: notes.latency, arrivals: notes.arrivals })
    }
}

impl Notes {
    fn new() -> Result<Self> {
        let latency = Histogram::new(3)?;
        Ok(Self { placed: HashMap::new(), early: HashMap::new(), latency, arrivals: Vec::new() })
    }

    fn open(&self) -> usize {
        self.placed.len()
    }

    fn placed(&mut self, order: Uuid, due: Instant) -> Result<()> {
        match self.early.remove(&order) {
            Some(told) => self.record(due, told),
            None => {
                self.placed.insert(order, due);
                Ok(())
            }
        }
    }

    fn ended(&mut self, order: Uuid, told: Instant, at: Micros) -> Result<()> {
        self.arrivals.push((order, at));
        match self.placed.remove(&order) {
            Some(due) => self.record(due, told),
            None => {
                self.early.insert(order, told);
                Ok(())
            }
        }
    }

    fn record(&mut self, due: Instant, told: Instant) -> Result<()> {
        Ok(self.latency.record(u64::try_from(told.saturating_duration_since(due).as_micros())?)?)
    }
}

fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a socket; it is live when it comes back.
async fn connect(address: SocketAddr, user: &str) -> Result<Stream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let url = format!("ws://{address}/ws/orders?user_id={user}");
    let (mut socket, _) = client_async_with_config(url, stream, Some(config)).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        if serde_json::from_str::<News<'_>>(&text)?.kind == "ready" {
            return Ok(socket);
        }
    }
    bail!("a socket was closed before it was ready")
}

async fn listen(mut socket: Stream, notes: Arc<Mutex<Notes>>, told: Arc<Notify>) -> Result<()> {
    let clock = Clock::system();
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let news: News<'_> = serde_json::from_str(&text)?;
        if let (Some(order), Some("FINISHED" | "CANCELLED")) = (news.order_id, news.status) {
            lock(&notes).ended(order, Instant::now(), clock.now())?;
            told.notify_one();
        }
    }
    told.notify_one();
    bail!("the shop closed a socket")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn news_that_are_faster_than_the_answer_count_all_the_same() {
        let (mut notes, due) = (Notes::new().unwrap(), Instant::now());
        let told = due + Duration::from_millis(3);
        let [first, second] = [1, 2].map(Uuid::from_u128);
        notes.placed(first, due).unwrap();
        assert_eq!(notes.open(), 1);
        notes.ended(first, told, Micros(0)).unwrap();
        notes.ended(second, told, Micros(0)).unwrap();
        notes.placed(second, due).unwrap();
        assert_eq!((notes.open(), notes.early.len(), notes.latency.len()), (0, 0, 2));
        assert_eq!(notes.latency.value_at_quantile(0.5) / 100, 30);
    }
}
