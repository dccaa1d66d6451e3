//! Between the instances: telling the others what was committed here, and hearing what was committed there.
//! Absent: confirms; a listener that was deaf looks into the database, a speaker that was cut off says all of it again.

use super::{Recent, change::Change, hub::HubHandle};
use crate::{mark::Mark, order::Order, under_way::UnderWay};
use async_trait::async_trait;
use messaging::{
    Announcement, Pair,
    broker::{Broker, Heard, Listener},
};
use saga::{
    OrderId,
    messages::{MOST_CHANGES, OrderStatusChanged, StatusChange},
};
use std::{fmt, sync::Arc, time::Duration};
use store::{Clock, Micros};
use supervision::{Pause, Step};
use telemetry::TraceContext;
use tokio::{pin, sync::watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a broken connection to the broker may go unnoticed: two heartbeats and some.
const UNNOTICED: Duration = Duration::from_secs(30);
/// Rest before listening again after the broker was closed.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// An order as it was committed, and the trace in which that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The order.
    pub order: Order,
    /// Telling of it is recorded below this.
    pub trace: Option<TraceContext>,
}

/// Tells this instance's sockets and the other instances. A cheap clone.
#[derive(Clone)]
pub struct Announcer {
    /// This instance's sockets.
    pub hub: HubHandle,
    /// The way to the others.
    pub broker: Arc<dyn Broker>,
    /// The time.
    pub clock: Clock,
    /// Marks what comes from here: it comes back through the broker.
    pub instance: Uuid,
    /// Whose announcements are heard.
    pub pair: Pair,
    /// What the others may not have heard.
    pub recent: Recent,
    /// Hears which orders of this instance are final.
    pub under_way: UnderWay,
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Announcer({})", self.instance)
    }
}

impl Announcer {
    /// Announces orders as they were committed.
    pub async fn announce(&self, news: &[News]) {
        if news.is_empty() {
            return;
        }
        self.ended(news.iter().filter(|one| one.order.state.is_final()).map(|one| one.order.id));
        failpoints::point!("pushing::before-tell", return);
        self.hub.tell(news.iter().map(|one| Change { trace: one.trace, ..Change::from(&one.order) }).collect());
        let changes: Vec<_> = news.iter().map(status_change).collect();
        self.recent.keep(&changes, self.clock.now());
        self.say(&changes).await;
    }

    /// Takes note of orders that are final, whoever settled them. What others have placed is none of placing's business here.
    fn ended(&self, orders: impl Iterator<Item = OrderId>) {
        let mark = Mark::of(self.instance);
        self.under_way.ended(orders.filter(|order| mark.is_on(*order)));
    }

    /// Says once more what the others may not have heard.
    async fn announce_again(&self, since: Micros) {
        self.say(&self.recent.again(since, self.clock.now())).await;
    }

    async fn say(&self, changes: &[StatusChange]) {
        for some in changes.chunks(MOST_CHANGES) {
            let changed = OrderStatusChanged { changes: some.to_vec() };
            failpoints::point!("pushing::before-announce", return);
            self.broker
                .announce(Announcement::new(&changed, self.instance, self.pair.ends().origin, self.clock.now()))
                .await;
            failpoints::point!("pushing::after-announce", return);
        }
    }
}

fn status_change(News { order, trace }: &News) -> StatusChange {
    StatusChange {
        order_id: order.id,
        user_id: order.draft.user_id.clone(),
        status: order.state.status().as_str().to_owned(),
        reason: order.state.reason().map(str::to_owned),
        amount_minor: order.draft.amount,
        currency: order.currency,
        version: order.version,
        updated_at: order.updated_at.to_string(),
        // Of a trace that nobody records the others need not know.
        traceparent: trace.filter(|trace| trace.is_sampled()).map(|trace| trace.to_string()),
    }
}

/// The listening actor's step: hears until the broker is closed, and says again what was said to a broken connection.
#[derive(Clone, Debug)]
pub struct Listening(pub Announcer);

#[async_trait(?Send)]
impl Step for Listening {
    async fn step(&mut self, stop: &CancellationToken) -> Pause {
        let Announcer { hub, broker, clock, .. } = &self.0;
        let mut listener = broker.listen();
        let mut voice = Voice { audible: broker.audible(), mute_since: clock.now().minus(UNNOTICED) };
        voice.audible.mark_changed();
        // Also after a restart of this actor: what was said meanwhile was not heard.
        let mut deaf_since = clock.now().minus(UNNOTICED);
        loop {
            let heard = tokio::select! {
                biased;
                () = stop.cancelled() => return Pause::None,
                heard = self.hear(&mut *listener, &mut voice) => heard,
            };
            match heard {
                Some(Heard::Message(body)) => self.pass_on(&body),
                Some(Heard::Lost) => deaf_since = clock.now().minus(UNNOTICED),
                // The sockets' look into the database goes back by the overlap once more.
                Some(Heard::Back) => hub.catch_up(deaf_since),
                None => return Pause::For(LISTEN_AGAIN),
            }
        }
    }
}

/// Whether the others can hear us.
struct Voice {
    audible: watch::Receiver<bool>,
    /// Since when they perhaps cannot, or could not.
    mute_since: Micros,
}

impl Listening {
    /// Waits for the next thing heard, and minds the voice meanwhile. What the listener has begun, such as an ear, is not broken off.
    async fn hear(&self, listener: &mut dyn Listener, voice: &mut Voice) -> Option<Heard> {
        let heard = listener.next();
        pin!(heard);
        loop {
            tokio::select! {
                // First, for it is rare: whoever says much could otherwise keep us from it.
                biased;
                Ok(()) = voice.audible.changed() => self.mind(voice).await,
                heard = &mut heard => return heard,
            }
        }
    }

    async fn mind(&self, voice: &mut Voice) {
        let back = *voice.audible.borrow_and_update();
        if back {
            self.0.announce_again(voice.mute_since).await;
        }
        // When it is lost so quickly again that nobody sees it, this is the time that counts.
        voice.mute_since = self.0.clock.now().minus(UNNOTICED);
    }

    fn pass_on(&self, body: &[u8]) {
        match changes(body, self.0.instance, &self.0.pair) {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => {
                let ended = changes.iter().filter(|one| one.state.is_final());
                self.0.ended(ended.map(|one| one.order_id));
                self.0.hub.tell(changes);
            }
            Err(error) => tracing::warn!(error, "an announcement could not be read"),
        }
    }
}

/// The changes of an announcement, none if it is our own or about another database. One that a newer version says in words of its own is left out; its client
/// learns of it by reading.
fn changes(body: &[u8], instance: Uuid, pair: &Pair) -> Result<Vec<Change>, String> {
    let announced = Announcement::read(body).map_err(|error| error.to_string())?;
    if let (Some(origin), Some(own)) = (announced.origin, pair.ends().origin)
        && origin != own
    {
        pair.met_a_stranger("order.status-changed", &format!("it has the database {origin}"));
        return Ok(Vec::new());
    }
    if announced.instance == Some(instance) {
        return Ok(Vec::new());
    }
    let known = |change: StatusChange| {
        let order_id = change.order_id;
        Change::try_from(change)
            .inspect_err(|error| tracing::debug!(order.id = %order_id, %error, "a change is not understood"))
            .ok()
    };
    Ok(announced.changed.changes.into_iter().filter_map(known).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Shop;
    use messaging::{
        Letter,
        broker::{PublishError, Queue, Subscription, memory::MemoryBroker},
    };
    use saga::order::State;
    use tokio::{sync::mpsc::unbounded_channel, time::timeout};

    mockall::mock! {
        Voiced {}

        #[async_trait]
        impl Broker for Voiced {
            async fn publish(&self, batch: &[Letter]) -> Vec<Result<(), PublishError>>;
            fn system(&self) -> &'static str;
            fn lanes(&self) -> usize;
            fn reachable(&self) -> watch::Receiver<bool>;
            fn subscribe(&self, queue: Queue, prefetch: u16) -> Box<dyn Subscription>;
            async fn announce(&self, announcement: Announcement);
            fn audible(&self) -> watch::Receiver<bool>;
            fn listen(&self) -> Box<dyn Listener>;
            fn keeps_dead_letters(&self) -> bool;
            async fn close(&self);
        }
    }

    /// Another instance says that these are final.
    fn hear(announcer: &Announcer, orders: &[Order]) {
        let finished = |order: &Order| Order { state: State::Finished, ..order.clone() };
        let news = orders.iter().map(|order| News { order: finished(order), trace: None });
        let changed = OrderStatusChanged { changes: news.map(|one| status_change(&one)).collect() };
        let announcement = Announcement::new(&changed, Uuid::now_v7(), None, Micros(0));
        Listening(announcer.clone()).pass_on(announcement.body.as_bytes());
    }

    #[actix::test]
    async fn an_order_is_no_longer_under_way_when_another_instance_says_that_it_is_final() {
        let shop = Shop::open().await;
        for (order, left) in shop.place(2).await.into_iter().zip([1, 0]) {
            hear(&shop.announcer(), &[order]);
            assert_eq!(shop.placing.under_way.number(), left);
        }
    }

    /// What nobody can hear is lost, and nobody says so.
    #[actix::test]
    async fn what_was_said_to_nobody_is_said_again_each_time_somebody_can_hear() {
        let shop = Shop::open().await;
        let ((said, mut hears), audible) = (unbounded_channel(), watch::Sender::new(false));
        let mut broker = MockVoiced::new();
        broker.expect_audible().returning({
            let audible = audible.clone();
            move || audible.subscribe()
        });
        let silence = MemoryBroker::new();
        broker.expect_listen().returning(move || silence.listen());
        broker.expect_announce().returning(move |one| {
            let announced = Announcement::read(one.body.as_bytes()).expect("what is said can be read");
            said.send(announced.changed.changes).expect("the test hears");
        });
        let announcer = Announcer { broker: Arc::new(broker), ..shop.announcer() };
        let news: Vec<_> = shop.place(1).await.into_iter().map(|order| News { order, trace: None }).collect();
        announcer.announce(&news).await;
        let lost = hears.recv().await;
        let stop = CancellationToken::new();
        let listening = actix::spawn({
            let (mut listening, stop) = (Listening(announcer), stop.clone());
            async move { listening.step(&stop).await }
        });
        for _ in 0..2 {
            audible.send_replace(true);
            let again = timeout(Duration::from_secs(10), hears.recv()).await.expect("it is said again");
            assert_eq!(again, lost);
            audible.send_replace(false);
        }
        stop.cancel();
        listening.await.expect("not cancelled");
    }

    #[actix::test]
    async fn ends_set_the_pace_where_the_orders_were_placed_whoever_settles_them() {
        let shop = Shop::open().await;
        let (announcer, placed) = (shop.announcer(), shop.place(3).await);
        let elsewhere = Mark::of(Uuid::from_u128(announcer.instance.as_u128() ^ 1));
        let others: Vec<_> = placed.iter().map(|one| Order { id: elsewhere.order_id(), ..one.clone() }).collect();
        hear(&announcer, &others);
        assert_eq!(announcer.under_way.ends(), 0);
        hear(&announcer, &placed);
        assert_eq!(announcer.under_way.ends(), 3);
    }
}
