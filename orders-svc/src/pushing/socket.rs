//! One WebSocket's life: snapshot, ready, updates, pings, and the right goodbye.
//! Absent: who may connect (http) and who is told what (the hub).

use super::{
    OVERLAP,
    change::{Change, Note, ready},
    hub::{Seat, Told},
};
use crate::{metrics::PushMetrics, reading};
use actix_ws::{CloseCode, CloseReason, Closed, Message, MessageStream, Session};
use bytestring::ByteString;
use saga::{OrderId, UserId};
use sea_orm::DbErr;
use std::{collections::HashMap, future::Future, time::Duration};
use store::{Micros, Store};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until, timeout};

/// Between two pings: below the idle time-outs of common proxies (60 s).
const PING_EVERY: Duration = Duration::from_secs(20);
/// A peer that was not heard for this long is gone: two pings and some patience.
const GONE_AFTER: Duration = Duration::from_secs(50);
/// What a goodbye may take to a peer that does not read.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);
/// Orders read from the database at once.
const PAGE: u64 = 500;
/// Orders whose version a socket remembers, twice: the last ones told, which are those that a late message may be about.
const REMEMBERED: usize = 512;

/// What a socket watches.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Whose orders.
    pub user: UserId,
    /// Only this one, or all.
    pub order: Option<OrderId>,
    /// Where the client was when it was cut off.
    pub after: Option<Micros>,
    /// When it was registered.
    pub since: Micros,
}

/// What a socket needs.
pub struct Socket {
    /// To the client.
    pub session: Session,
    /// Its place in the hub.
    pub seat: Seat,
    /// For snapshots.
    pub store: Store,
    /// Counts.
    pub metrics: PushMetrics,
    /// What it watches.
    pub watch: Watch,
    /// How long it lives at most. Who was signed in when it was opened need not be so for ever, and only a new connection is asked.
    pub age: Duration,
}

/// Why a socket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client has gone or said goodbye.
    Gone,
    /// The client does not keep up.
    Slow,
    /// There is no such order for this user.
    NoSuchOrder,
    /// The database cannot be read.
    NotNow,
    /// The process stops, or the socket has reached its age.
    Away,
}

impl Socket {
    /// Lives until either side ends it.
    pub async fn run(mut self, incoming: MessageStream) {
        let mut seen = Seen::default();
        let old = Instant::now() + self.age;
        let end = match self.begin(&mut seen).await {
            Ok(()) => self.live(&mut seen, incoming, old).await,
            Err(end) => end,
        };
        self.goodbye(end).await;
    }

    /// Snapshots, then the ready mark. The hub's queue gathers meanwhile.
    async fn begin(&mut self, seen: &mut Seen) -> Result<(), End> {
        match (self.watch.order, self.watch.after) {
            (Some(id), _) => {
                let order = reading::order(&self.store, &self.watch.user, id).await.map_err(not_now)?;
                self.tell(seen, &Change::from(&order.ok_or(End::NoSuchOrder)?).snapshot()).await?;
            }
            (None, Some(after)) => self.changed_since(seen, after, |change| Some(change.snapshot())).await?,
            (None, None) => {}
        }
        self.send(ready(&self.watch.user, self.watch.since).into()).await
    }

    async fn live(&mut self, seen: &mut Seen, mut incoming: MessageStream, old: Instant) -> End {
        let (mut heard, mut ping) = (Instant::now(), pings());
        loop {
            let done = tokio::select! {
                told = self.seat.told.recv() => match told {
                    Some(Told::Update(note)) => self.tell(seen, &note).await,
                    Some(Told::CatchUp(since)) => self.catch_up(seen, since).await,
                    None => Err(End::Away),
                },
                message = incoming.recv() => {
                    heard = Instant::now();
                    self.answer(message).await
                }
                _ = ping.tick() => self.ping(heard).await,
                () = sleep_until(old) => Err(End::Away),
                () = self.seat.overflow.raised() => Err(let_go(&self.seat)),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn answer(&mut self, message: Option<Result<Message, actix_ws::ProtocolError>>) -> Result<(), End> {
        match message {
            Some(Ok(Message::Ping(payload))) => sent(&self.seat, self.session.pong(&payload)).await,
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
            // Nothing else means anything here; that something came shows that the client lives.
            Some(Ok(_)) => Ok(()),
        }
    }

    async fn ping(&mut self, heard: Instant) -> Result<(), End> {
        if heard.elapsed() > GONE_AFTER {
            return Err(End::Gone);
        }
        sent(&self.seat, self.session.ping(b"")).await
    }

    /// Updates for what may have been missed while the broker was away.
    async fn catch_up(&mut self, seen: &mut Seen, since: Micros) -> Result<(), End> {
        match self.watch.order {
            Some(id) => {
                let order = reading::order(&self.store, &self.watch.user, id).await.map_err(not_now)?;
                match order.as_ref().map(Change::from).and_then(|change| change.update()) {
                    Some(note) => self.tell(seen, &note).await,
                    None => Ok(()),
                }
            }
            None => self.changed_since(seen, since, Change::update).await,
        }
    }

    /// Tells of all orders that changed since then, in the order of their changes, page by page.
    async fn changed_since(
        &mut self,
        seen: &mut Seen,
        since: Micros,
        note: impl Fn(&Change) -> Option<Note>,
    ) -> Result<(), End> {
        let since = since.minus(OVERLAP);
        let mut after = None;
        loop {
            let page =
                reading::changed_since(&self.store, &self.watch.user, since, after, PAGE).await.map_err(not_now)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.updated_at, last.id));
            for order in &page {
                if let Some(note) = note(&Change::from(order)) {
                    self.tell(seen, &note).await?;
                }
            }
        }
    }

    /// Sends a note unless the client knows a newer version of its order.
    async fn tell(&mut self, seen: &mut Seen, note: &Note) -> Result<(), End> {
        if seen.is_news(note.order_id, note.version) { self.send(note.text.clone()).await } else { Ok(()) }
    }

    async fn send(&mut self, text: ByteString) -> Result<(), End> {
        sent(&self.seat, self.session.text(text)).await
    }

    async fn goodbye(self, end: End) {
        let (code, why) = match end {
            End::Gone => (CloseCode::Normal, ""),
            End::Slow => (CloseCode::Again, "too slow; resume with the last cursor"),
            End::NoSuchOrder => (CloseCode::Policy, "no such order"),
            End::NotNow => (CloseCode::Again, "not now; resume with the last cursor"),
            End::Away => (CloseCode::Away, "resume with the last cursor"),
        };
        if end == End::Slow {
            self.metrics.slow();
        }
        let reason = CloseReason { code, description: (!why.is_empty()).then(|| why.to_owned()) };
        // A peer that does not read cannot be told; the connection ends all the same.
        drop(timeout(GOODBYE_TIMEOUT, self.session.close(Some(reason))).await);
    }
}

/// Whatever is sent waits for a client that does not read: until the hub lets go of it, or for as long as a silent one is waited for.
async fn sent(seat: &Seat, sending: impl Future<Output = Result<(), Closed>>) -> Result<(), End> {
    tokio::select! {
        sent = sending => sent.map_err(|_| End::Gone),
        () = seat.overflow.raised() => Err(let_go(seat)),
        () = sleep(GONE_AFTER) => Err(End::Slow),
    }
}

/// Why the hub let go of a socket: it closes the queue only when the process stops.
fn let_go(seat: &Seat) -> End {
    if seat.told.is_closed() { End::Away } else { End::Slow }
}

fn pings() -> Interval {
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick of an interval comes at once.
    pings.reset();
    pings
}

fn not_now(error: DbErr) -> End {
    tracing::warn!(%error, "a socket's snapshot could not be read");
    End::NotNow
}

/// The versions that a client was told last, in two generations: when the younger is full, the elder is forgotten.
#[derive(Debug, Default)]
struct Seen {
    younger: HashMap<OrderId, i32>,
    elder: HashMap<OrderId, i32>,
}

impl Seen {
    /// Whether this version is at least as new as what was told. Takes note of it.
    fn is_news(&mut self, order: OrderId, version: i32) -> bool {
        let known = self.younger.get(&order).or_else(|| self.elder.get(&order));
        if known.is_some_and(|known| *known > version) {
            return false;
        }
        if self.younger.len() >= REMEMBERED && !self.younger.contains_key(&order) {
            self.elder = std::mem::take(&mut self.younger);
        }
        self.younger.insert(order, version);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn order(number: u128) -> OrderId {
        OrderId::new(Uuid::from_u128(number))
    }

    #[test]
    fn an_older_version_is_no_news_after_a_newer_one_and_the_same_may_come_twice() {
        let mut seen = Seen::default();
        assert!(seen.is_news(order(1), 2));
        assert!(seen.is_news(order(1), 2));
        assert!(!seen.is_news(order(1), 1));
        assert!(seen.is_news(order(1), 3));
    }

    #[test]
    fn only_the_last_orders_are_remembered() {
        let mut seen = Seen::default();
        for number in 0..10_000 {
            assert!(seen.is_news(order(number), 2));
            assert!(number == 0 || !seen.is_news(order(number - 1), 1), "{number}");
        }
        assert!(seen.younger.len() + seen.elder.len() <= 2 * REMEMBERED);
    }
}
