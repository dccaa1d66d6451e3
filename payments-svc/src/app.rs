//! The composition root of the payments service: builds everything, checks it, stops it in the right order.
//! Absent: decisions. Tests and the embedded shop build the same.

use crate::{
    accounts::{Accounts, IDLE, ledger::Ledger},
    charging::Charging,
    config::Config,
    http::Handlers,
    metrics::PaymentMetrics,
};
use edge::{Check, HttpMetrics, Observer};
use futures_util::FutureExt;
use launch::{Housekeeping, Schema, ShopOptions, StartError, Stores, TakesWrites, Telemetry, Vacuumed};
use messaging::{
    Metrics, Pair,
    broker::{Broker, PAYMENTS_REQUESTS},
    consumer::{Consumer, ConsumerHandle, Pairing},
    relay::Relay,
};
use prometheus_client::registry::Registry;
use saga::Currency;
use std::sync::Arc;
use store::{Clock, Store};
use supervision::{Repeater, RepeaterHandle, Vitals};
use telemetry::Tracer;

/// What the service is built from.
#[derive(Clone)]
pub struct Parts {
    /// The payments database.
    pub stores: Stores,
    /// The way to orders.
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
    accounts: Accounts,
    consumer: ConsumerHandle,
    schema: Schema,
    pair: Pair,
    takes_writes: TakesWrites,
    housekeeping: RepeaterHandle,
    broker: Check,
    currency: Currency,
}

impl App {
    /// Builds everything and starts the actors on the current arbiter. Metrics get the prefix `payments_`.
    pub fn start(parts: Parts, options: &ShopOptions, registry: &mut Registry) -> Self {
        let Parts { stores: Stores { actors: store, workers: reads }, broker, pair, clock, tracer } = parts;
        let registry = registry.sub_registry_with_prefix("payments");
        let (vitals, metrics) = (Vitals::new(registry), Metrics::new(registry));
        broker.count_with(&vitals);
        let schema =
            Schema::start(&vitals, &store, &pair, (migration::payments::SERVICE, options.currency), migrate(&store));
        let relay = Relay::start(
            store.clone(),
            broker.clone(),
            clock.clone(),
            (metrics.clone(), tracer.clone()),
            pair.clone(),
            &vitals,
        );
        let currency = options.currency;
        let ledger = Ledger {
            store: store.clone(),
            relay: relay.clone(),
            clock: clock.clone(),
            currency,
            metrics: PaymentMetrics::new(registry),
            tracer: tracer.clone(),
        };
        let accounts = Accounts::start(ledger, &vitals, IDLE);
        let consumer = Consumer {
            broker: broker.clone(),
            queue: PAYMENTS_REQUESTS,
            handle: Arc::new(Charging::new(accounts.clone(), store.clone(), currency)),
            store: store.clone(),
            pair: pair.clone(),
            pairing: Pairing::BeforeDeciding,
            clock: clock.clone(),
            metrics: metrics.clone(),
            tracer,
        };
        let takes_writes = TakesWrites::default();
        let housekeeping = Housekeeping {
            store: store.clone(),
            clock,
            metrics,
            inbox_retention: options.inbox_retention(),
            reachable: broker.reachable(),
            takes_writes: takes_writes.clone(),
            vacuumed: Vacuumed::default(),
        };
        Self {
            consumer: consumer.start(&vitals),
            housekeeping: Repeater::start("housekeeping", &vitals, move || housekeeping.clone()),
            broker: launch::reachable(broker.reachable()),
            store,
            reads,
            relay,
            accounts,
            schema,
            pair,
            takes_writes,
            currency,
        }
    }

    /// What the HTTP server shows.
    pub fn handlers(&self) -> Handlers {
        Handlers { accounts: self.accounts.clone(), store: self.reads.clone(), currency: self.currency }
    }

    /// What has to be there for the service to be ready.
    pub fn checks(&self) -> Vec<Check> {
        let (actors, schema) = (self.clone(), self.schema.clone());
        vec![
            launch::database("payments database", self.reads.clone(), schema, self.takes_writes.clone()),
            self.broker.clone(),
            launch::partner("payments partner", self.pair.clone()),
            launch::check_that("payments actors", move || actors.alive(), "an actor is gone"),
        ]
    }

    fn alive(&self) -> bool {
        self.accounts.alive() && self.consumer.alive() && self.relay.alive() && self.housekeeping.alive()
    }

    /// The first half of stopping, after the HTTP server: takes no more messages, lets what is under way be committed.
    pub async fn stop_intake(&self) {
        self.schema.stop().await;
        self.consumer.stop().await;
        self.accounts.drain().await;
    }

    /// The second half: publishes what is in memory, or leaves it in the outbox, and lets go of the database.
    pub async fn finish(&self) {
        self.housekeeping.stop().await;
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
        async move { store.alone(migration::payments::up(store.pool())).await }.boxed()
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
        (launch::open_stores(&options, "payments").await?, launch::connect_broker(&options, "payments")?);
    let mut registry = Registry::default();
    let telemetry = Telemetry::start(&options.shop, "payments-svc", &mut registry)?;
    let parts = Parts {
        stores,
        broker: broker.clone(),
        pair: Pair::default(),
        clock: Clock::system(),
        tracer: telemetry.tracer("payments-svc"),
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
    server.stop().await;
    app.stop_intake().await;
    app.finish().await;
    broker.close().await;
    telemetry.stop().await;
    tracing::info!("stopped");
    Ok(())
}
