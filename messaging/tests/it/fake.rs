//! What stands at the true edges in tests: a clock that is set by hand and a broker that does as it is told.

use async_trait::async_trait;
use messaging::{
    Announcement, Letter, Metrics, Pair,
    broker::{Broker, Listener, PublishError, Queue, Subscription},
    relay::Relay,
};
use prometheus_client::registry::Registry;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{Clock, Micros, Store};
use supervision::Vitals;
use telemetry::Tracer;
use tokio::sync::watch;
use uuid::Uuid;

mockall::mock! {
    pub Broker {}

    #[async_trait]
    impl Broker for Broker {
        async fn publish(&self, batch: &[Letter]) -> Vec<Result<(), PublishError>>;
        fn system(&self) -> &'static str;
        fn lanes(&self) -> usize;
        fn reachable(&self) -> watch::Receiver<bool>;
        fn subscribe(&self, queue: Queue, prefetch: u16) -> Box<dyn Subscription>;
        async fn announce(&self, announcement: Announcement);
        fn listen(&self) -> Box<dyn Listener>;
        fn keeps_dead_letters(&self) -> bool;
        async fn close(&self);
    }
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_000_000_000_000)))
    }

    pub fn clock(&self) -> Clock {
        let hands = self.0.clone();
        Clock::from_fn(move || Micros(hands.load(Ordering::SeqCst)))
    }

    pub fn now(&self) -> Micros {
        self.clock().now()
    }

    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_micros()).expect("a short span"), Ordering::SeqCst);
    }
}

/// Everything that was published, in order, whatever the answer.
#[derive(Clone, Default)]
pub struct Published(Arc<Mutex<Vec<Letter>>>);

impl Published {
    pub fn add(&self, batch: &[Letter]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(batch);
    }

    pub fn all(&self) -> Vec<Letter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn times(&self, id: Uuid) -> usize {
        self.all().iter().filter(|letter| letter.id == id).count()
    }

    pub fn len(&self) -> usize {
        self.all().len()
    }
}

/// A mock that can be reached and has a lane; its publishing is the test's to say.
pub fn reachable_broker() -> MockBroker {
    broker_reachable_by(&watch::Sender::new(true))
}

pub fn broker_reachable_by(reachable: &watch::Sender<bool>) -> MockBroker {
    let mut broker = MockBroker::new();
    let reachable = reachable.clone();
    broker.expect_system().return_const("fake");
    broker.expect_lanes().return_const(1_usize);
    broker.expect_reachable().returning(move || reachable.subscribe());
    broker
}

/// Confirms everything, and keeps a copy.
pub fn confirms(broker: &mut MockBroker, published: &Published) {
    let published = published.clone();
    broker.expect_publish().returning(move |batch| {
        published.add(batch);
        vec![Ok(()); batch.len()]
    });
}

pub fn vitals() -> Vitals {
    Vitals::new(&mut Registry::default())
}

pub fn relay(store: &Store, broker: impl Broker, hands: &Hands, vitals: &Vitals) -> Relay {
    Relay::start(
        store.clone(),
        Arc::new(broker),
        hands.clock(),
        (Metrics::default(), Tracer::default()),
        Pair::default(),
        vitals,
    )
}
