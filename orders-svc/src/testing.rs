//! The placing and the settling unit of work on a database of their own, each given exactly the batches that a test wants.
//! Absent: actors, consumers, HTTP; the tests in `tests/` have all of it.

use crate::{
    mark::Mark,
    metrics::{OrderMetrics, PushMetrics},
    order::{Order, OrderDraft},
    placing::{Draft, PlaceError, Placed, Placing},
    pushing::{
        Announcer, Recent,
        hub::{HubHandle, SocketLimits},
    },
    settling::{Answer, Happening, Settled, Settling},
    under_way::UnderWay,
};
use futures_util::future::join_all;
use messaging::{Pair, broker::memory::MemoryBroker, relay::Relay};
use prometheus_client::registry::Registry;
use saga::{Amount, Currency, MessageId, UserId, order::Event};
use std::{sync::Arc, time::Duration};
use store::{Clock, Options, Plans, Store};
use supervision::{Admission, Ask, Vitals, Work};
use telemetry::{TraceContext, Tracer};
use tempfile::TempDir;
use uuid::Uuid;

/// Makes a test of each function that takes a database's URL: on SQLite and, with the feature `servers`, on PostgreSQL.
macro_rules! on_every_database {
    ($($name:ident,)+) => {
        mod on_sqlite {
            use super::*;
            $(#[actix_web::test]
            async fn $name() -> TestResult {
                with_database(Kind::Sqlite, super::$name).await
            })+
        }

        #[cfg(feature = "servers")]
        mod on_postgres {
            use super::*;
            $(#[actix_web::test]
            async fn $name() -> TestResult {
                with_database(Kind::Postgres, super::$name).await
            })+
        }
    };
}
pub(crate) use on_every_database;

/// A shop without consumers.
#[derive(Clone)]
pub struct Shop {
    pub placing: Placing,
    settling: Settling,
    _folder: Arc<TempDir>,
}

impl Shop {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("orders.db").display());
        let options = Options { url, max_connections: 1, application: "test", plans: Plans::ByIndex };
        let store = Store::open(&options).await.unwrap();
        migration::orders::up(store.pool()).await.unwrap();
        let clock = Clock::system();
        let relay = relay(&store, &clock);
        let settling = settling(&store, &relay, &clock);
        let placing = Placing {
            store,
            relay,
            clock,
            currency: Currency::RUB,
            pay_within: Duration::from_secs(900),
            mark: Mark::of(settling.announcer.instance),
            under_way: settling.announcer.under_way.clone(),
        };
        Self { placing, settling, _folder: Arc::new(folder) }
    }

    /// Tells the sockets, and hears the other instances.
    pub fn announcer(&self) -> Announcer {
        self.settling.announcer.clone()
    }

    /// Places so many orders in one batch.
    pub async fn place(&self, number: usize) -> Vec<Order> {
        let placed = self.place_with(&vec![None; number]).await;
        let order = |placed: Result<Placed, PlaceError>| match placed {
            Ok(Placed::New(order)) => order,
            other => panic!("{other:?}"),
        };
        placed.into_iter().map(order).collect()
    }

    /// Places an order for each Idempotency-Key, or none, in one batch.
    pub async fn place_with(&self, keys: &[Option<&str>]) -> Vec<Result<Placed, PlaceError>> {
        let draft = |key: &Option<&str>| {
            let order = OrderDraft {
                user_id: UserId::parse("u").unwrap(),
                amount: Amount::from_minor(100).unwrap(),
                description: None,
                idempotency_key: key.map(str::to_owned),
            };
            Draft { order, trace: TraceContext::unsampled() }
        };
        all(&self.placing, keys.iter().map(draft).collect()).await
    }

    /// Settles them in one batch.
    pub async fn settle(&self, orders: &[Order]) {
        let answer = |order: &Order| Happening {
            order_id: order.id,
            user_id: order.draft.user_id.clone(),
            event: Event::PaymentSucceeded,
            version: None,
            answer: Some(Answer {
                message_id: MessageId::new(Uuid::now_v7()),
                amount: order.draft.amount,
                refund: None,
            }),
            trace: None,
        };
        let settled = all(&self.settling, orders.iter().map(answer).collect()).await;
        assert_eq!(settled, vec![Ok(Settled::Changed); orders.len()]);
    }
}

/// A relay to a broker with nobody behind it: what it is given stays in the outbox.
pub fn relay(store: &Store, clock: &Clock) -> Relay {
    let mut registry = Registry::default();
    let (vitals, metrics) = (Vitals::new(&mut registry), messaging::Metrics::new(&mut registry));
    Relay::start(
        store.clone(),
        Arc::new(MemoryBroker::new()),
        clock.clone(),
        (metrics, Tracer::default()),
        Pair::default(),
        &vitals,
    )
}

/// The settling unit of work of an instance on this database, whose announcements nobody hears.
pub fn settling(store: &Store, relay: &Relay, clock: &Clock) -> Settling {
    let limits = SocketLimits { instance: 1, user: 1 };
    let announcer = Announcer {
        hub: HubHandle::start(limits, PushMetrics::default(), Tracer::default()),
        broker: Arc::new(MemoryBroker::new()),
        clock: clock.clone(),
        instance: Uuid::now_v7(),
        pair: Pair::default(),
        recent: Recent::default(),
        under_way: UnderWay::default(),
    };
    Settling {
        store: store.clone(),
        relay: relay.clone(),
        clock: clock.clone(),
        metrics: OrderMetrics::new(&mut Registry::default()),
        announcer,
        tracer: Tracer::default(),
    }
}

/// Has a batch of exactly these done.
async fn all<W: Work<Item = Ask<Q, A>>, Q, A>(work: &W, questions: Vec<Q>) -> Vec<A> {
    let admission = Admission::new(questions.len());
    let (asks, answers): (Vec<_>, Vec<_>) =
        questions.into_iter().map(|question| admission.admit(question).unwrap()).unzip();
    work.run(asks).await;
    join_all(answers).await.into_iter().map(Result::unwrap).collect()
}
