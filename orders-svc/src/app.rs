//! The composition root of the orders service: builds everything, checks it, stops it in the right order.
//! Absent: decisions. Tests and the embedded shop build the same.

use crate::{
    config::Config,
    deadline::{ANSWERS_FIRST, Deadline},
    http::{Handlers, Sockets},
    metrics::{OrderMetrics, PushMetrics},
    overdue::Overdue,
    pace::Pace,
    placing::{Placing, PlacingHandle},
    pushing::{
        Announcer, Listening, Recent,
        hub::{HubHandle, SocketLimits},
    },
    settling::{Settling, SettlingHandle},
    timeline::Timelines,
    waiting::Waiting,
};
use edge::{Check, HttpMetrics, Observer};
use futures_util::FutureExt;
use launch::{Housekeeping, Schema, ShopOptions, StartError, Stores, Telemetry, Vacuumed};
use messaging::{
    Metrics,
    broker::{Broker, ORDERS_PAYMENT_RESULTS},
    consumer::{Consumer, ConsumerHandle},
    relay::Relay,
};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use store::{Clock, Store};
use supervision::{Repeater, RepeaterHandle, Vitals};
use telemetry::Tracer;
use uuid::Uuid;

/// What the service is built from.
#[derive(Clone)]
pub struct Parts {
    /// The orders database.
    pub stores: Stores,
    /// The way to payments.
    pub broker: Arc<dyn Broker>,
    /// The time.
    pub clock: Clock,
    /// Where spans go.
    pub tracer: Tracer,
}

/// The service with all its actors, without the HTTP server. A cheap clone.
#[derive(Clone)]
pub struct App {
    store: Store,
    reads: Store,
    relay: Relay,
    placing: PlacingHandle,
    settling: SettlingHandle,
    consumer: ConsumerHandle,
    schema: Schema,
    housekeeping: RepeaterHandle,
    listening: RepeaterHandle,
    waiting: RepeaterHandle,
    deadline: RepeaterHandle,
    overdue: RepeaterHandle,
    sockets: Sockets,
    timelines: Timelines,
    broker: Check,
}

impl App {
    /// Builds everything and starts the actors on the current arbiter. Metrics get the prefix `orders_`.
    pub fn start(parts: Parts, options: &ShopOptions, registry: &mut Registry) -> Self {
        let Parts { stores: Stores { actors: store, workers: reads }, broker, clock, tracer } = parts;
        let registry = registry.sub_registry_with_prefix("orders");
        let (vitals, metrics, orders) = (Vitals::new(registry), Metrics::new(registry), OrderMetrics::new(registry));
        let schema = Schema::start(&vitals, migrate(&store));
        let relay =
            Relay::start(store.clone(), broker.clone(), clock.clone(), metrics.clone(), tracer.clone(), &vitals);
        let pace = Pace::new(registry);
        let placing = Placing {
            store: store.clone(),
            relay: relay.clone(),
            clock: clock.clone(),
            currency: options.currency,
            pay_within: options.pay_within(),
            pace: pace.clone(),
        };
        let limits = SocketLimits { instance: options.max_sockets, user: options.max_sockets_per_user };
        let pushes = PushMetrics::new(registry);
        let announcer = Announcer {
            hub: HubHandle::start(limits, pushes.clone(), tracer.clone()),
            broker: broker.clone(),
            clock: clock.clone(),
            instance: Uuid::now_v7(),
            recent: Recent::default(),
        };
        let sockets = Sockets {
            hub: announcer.hub.clone(),
            store: reads.clone(),
            clock: clock.clone(),
            metrics: pushes,
            allowed_origins: options.allowed_origins.as_slice().into(),
        };
        let timelines = Timelines { store: reads.clone(), clock: clock.clone(), broker: broker.reachable() };
        let listening = Listening(announcer.clone());
        let waiting = Waiting::new(store.clone(), clock.clone(), orders.clone());
        let settling = Settling {
            store: store.clone(),
            relay: relay.clone(),
            clock: clock.clone(),
            metrics: orders,
            announcer,
            pace,
            tracer: tracer.clone(),
        };
        let settling = SettlingHandle::start(settling, &vitals);
        let pay_within = options.pay_within();
        let deadline = Deadline::new(store.clone(), clock.clone(), settling.clone(), pay_within)
            .patient(pay_within.min(ANSWERS_FIRST));
        let overdue = Overdue::new(store.clone(), clock.clone(), settling.clone(), broker.reachable());
        let consumer = Consumer {
            broker: broker.clone(),
            queue: ORDERS_PAYMENT_RESULTS,
            handle: Arc::new(settling.clone()),
            store: store.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            tracer,
        };
        let housekeeping = Housekeeping {
            store: store.clone(),
            clock,
            metrics,
            inbox_retention: options.inbox_retention(),
            reachable: broker.reachable(),
            vacuumed: Vacuumed::default(),
        };
        Self {
            placing: PlacingHandle::start(placing, &vitals),
            consumer: consumer.start(&vitals),
            housekeeping: Repeater::start("housekeeping", &vitals, move || housekeeping.clone()),
            listening: Repeater::start("push-listener", &vitals, move || listening.clone()),
            waiting: Repeater::start("waiting", &vitals, move || waiting.clone()),
            deadline: Repeater::start("deadline", &vitals, move || deadline.clone()),
            overdue: Repeater::start("overdue", &vitals, move || overdue.clone()),
            sockets,
            timelines,
            broker: launch::reachable(broker.reachable()),
            store,
            reads,
            relay,
            settling,
            schema,
        }
    }

    /// What the HTTP server shows.
    pub fn handlers(&self) -> Handlers {
        Handlers {
            placing: self.placing.clone(),
            settling: self.settling.clone(),
            store: self.reads.clone(),
            timelines: self.timelines.clone(),
            sockets: self.sockets.clone(),
        }
    }

    /// What has to be there for the service to be ready.
    pub fn checks(&self) -> Vec<Check> {
        let (actors, schema) = (self.clone(), self.schema.clone());
        let actors = launch::check("orders actors", move || {
            let alive = actors.alive();
            async move { if alive { Ok(()) } else { Err("an actor is gone".to_owned()) } }.boxed()
        });
        vec![launch::database("orders database", self.reads.clone(), schema), self.broker.clone(), actors]
    }

    fn alive(&self) -> bool {
        self.placing.alive()
            && self.listening.alive()
            && self.sockets.hub.alive()
            && self.settling.alive()
            && self.consumer.alive()
            && self.relay.alive()
            && self.housekeeping.alive()
            && self.waiting.alive()
            && self.deadline.alive()
            && self.overdue.alive()
    }

    /// Lets the sockets go, before the HTTP server stops: it would wait for them.
    pub async fn close_sockets(&self) {
        self.sockets.hub.close().await;
    }

    /// The first half of stopping, after the HTTP server: takes no more messages, lets what is under way be committed.
    pub async fn stop_intake(&self) {
        self.schema.stop().await;
        tokio::join!(self.consumer.stop(), self.deadline.stop(), self.overdue.stop());
        tokio::join!(self.placing.drain(), self.settling.drain());
    }

    /// The second half: publishes what is in memory, or leaves it in the outbox, and lets go of the database.
    pub async fn finish(&self) {
        tokio::join!(self.housekeeping.stop(), self.listening.stop(), self.waiting.stop());
        self.relay.drain().await;
        for store in [&self.store, &self.reads] {
            if let Err(error) = store.close().await {
                tracing::warn!(%error, "the database was not closed cleanly");
            }
        }
    }
}

fn migrate(store: &Store) -> impl Fn() -> launch::Migration + 'static {
    let store = store.clone();
    move || {
        let store = store.clone();
        async move { migration::orders::up(store.connection()).await }.boxed()
    }
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// [`StartError`] when it cannot start.
pub async fn run(config: Config) -> Result<(), StartError> {
    let options = config.service;
    launch::logging::start(&options.shop)?;
    launch::arm_failpoints();
    let listener = launch::bind(options.listen)?;
    let (stores, broker) =
        (launch::open_stores(&options, "orders").await?, launch::connect_broker(&options, "orders")?);
    let mut registry = Registry::default();
    let telemetry = Telemetry::start(&options.shop, "orders-svc", &mut registry)?;
    let parts =
        Parts { stores, broker: broker.clone(), clock: Clock::system(), tracer: telemetry.tracer("orders-svc") };
    let app = App::start(parts, &options.shop, &mut registry);
    let observer = Observer { metrics: HttpMetrics::register(&mut registry), tracer: telemetry.tracer("http") };
    launch::process_metrics::register(&mut registry);
    let (handlers, checks, registry) = (app.handlers(), Arc::new(app.checks()), Arc::new(registry));
    let configure = move |cfg: &mut actix_web::web::ServiceConfig| {
        handlers.configure(cfg);
        edge::configure_operation(cfg, registry.clone(), checks.clone());
    };
    let server = launch::serve(listener, usize::from(options.shop.http_workers), configure, observer).await?;
    launch::stop_signal().await?;
    app.close_sockets().await;
    server.stop().await;
    app.stop_intake().await;
    app.finish().await;
    broker.close().await;
    telemetry.stop().await;
    tracing::info!("stopped");
    Ok(())
}
