//! The composition root of the orders service: builds everything, checks it, stops it in the right order.
//! Absent: decisions. Tests and the embedded shop build the same.

use crate::{
    config::Config,
    foundation::Foundation,
    http::{Handlers, Sockets},
    metrics::{OrderMetrics, PushMetrics},
    placing::PlacingHandle,
    settling::SettlingHandle,
    timeline::Timelines,
    under_way::UnderWay,
};
use edge::{Check, HttpMetrics, Observer};
use futures_util::FutureExt;
use launch::{Schema, ShopOptions, StartError, Stores, TakesWrites, Telemetry};
use messaging::{Metrics, Pair, broker::Broker, consumer::ConsumerHandle, relay::Relay};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use store::{Clock, Store};
use supervision::{RepeaterHandle, Vitals};
use telemetry::Tracer;

/// What the service is built from.
#[derive(Clone)]
pub struct Parts {
    /// The orders database.
    pub stores: Stores,
    /// The way to payments.
    pub broker: Arc<dyn Broker>,
    /// What is known already of the databases that belong together.
    pub pair: Pair,
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
    pair: Pair,
    takes_writes: TakesWrites,
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
        let Parts { stores: Stores { actors: store, workers: reads }, broker, pair, clock, tracer } = parts;
        let registry = registry.sub_registry_with_prefix("orders");
        let (vitals, metrics, orders) = (Vitals::new(registry), Metrics::new(registry), OrderMetrics::new(registry));
        broker.count_with(&vitals);
        let schema =
            Schema::start(&vitals, &store, &pair, (migration::orders::SERVICE, options.currency), migrate(&store));
        let relay = Relay::start(
            store.clone(),
            broker.clone(),
            clock.clone(),
            (metrics.clone(), tracer.clone()),
            pair.clone(),
            &vitals,
        );
        let (under_way, pushes) = (UnderWay::new(registry), PushMetrics::new(registry));
        let foundation = Foundation { store, reads, broker, clock, tracer, vitals, metrics, relay, pair };
        let announcer = foundation.announcer(options, &pushes, under_way);
        let settling = foundation.settling(announcer.clone(), orders.clone());
        let (sockets, takes_writes) = (foundation.sockets(options, &announcer, pushes), TakesWrites::default());
        Self {
            placing: foundation.placing(options, &announcer),
            consumer: foundation.consumer(&settling),
            housekeeping: foundation.housekeeping(options, takes_writes.clone()),
            listening: foundation.listening(announcer),
            waiting: foundation.waiting(orders),
            deadline: foundation.deadline(options, &settling),
            overdue: foundation.overdue(&settling),
            sockets,
            timelines: foundation.timelines(),
            schema,
            pair: foundation.pair,
            broker: launch::reachable(foundation.broker.reachable()),
            store: foundation.store,
            reads: foundation.reads,
            relay: foundation.relay,
            settling,
            takes_writes,
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
        vec![
            launch::database("orders database", self.reads.clone(), schema, self.takes_writes.clone()),
            self.broker.clone(),
            launch::partner("orders partner", self.pair.clone()),
            launch::check_that("orders actors", move || actors.alive(), "an actor is gone"),
        ]
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
        async move { store.alone(migration::orders::up(store.pool())).await }.boxed()
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
    let parts = Parts {
        stores,
        broker: broker.clone(),
        pair: Pair::default(),
        clock: Clock::system(),
        tracer: telemetry.tracer("orders-svc"),
    };
    let app = App::start(parts, &options.shop, &mut registry);
    launch::first_look(&app.store).await;
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
