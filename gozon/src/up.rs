//! The embedded shop: both services in one process, on two SQLite files, with the in-process broker, behind one port.
//! Absent: anything of the services' own; this is their composition root once more.

use crate::{
    config::{ORDERS_FILE, PAYMENTS_FILE, UpOptions, embedded},
    databases::{DatabaseError, Databases},
    page::Page,
    pair::{Standing, Together},
};
use actix_web::{HttpResponse, web};
use edge::{HttpMetrics, Observer};
use launch::{Running, StartError, Telemetry};
use messaging::{
    Pair,
    broker::{Broker, memory::MemoryBroker},
    outbox,
};
use migration::MigrateError;
use prometheus_client::registry::Registry;
use saga::Currency;
use sea_orm::DatabaseConnection;
use std::{
    fmt::Display,
    fs::{File, OpenOptions, create_dir_all},
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
};
use store::{Clock, Options, Plans, Store};

/// Held while a shop runs in the directory, so that no second one does.
const LOCK_FILE: &str = "gozon.lock";

/// A running shop.
pub struct Shop {
    server: Running,
    orders: orders_svc::app::App,
    payments: payments_svc::app::App,
    broker: MemoryBroker,
    telemetry: Telemetry,
    _lock: File,
}

impl Shop {
    /// Starts the shop in the directory, where it stopped if there was one before. Call it within an actix system.
    ///
    /// # Errors
    /// [`StartError`] when the address or the directory cannot be used.
    pub async fn start(options: &UpOptions) -> Result<Self, StartError> {
        let mut registry = Registry::default();
        let telemetry = Telemetry::start(&options.shop, "gozon", &mut registry)?;
        let lock = lock(&options.data_dir).map_err(|why| StartError::option("data-dir", why))?;
        let listener = launch::bind(options.listen)?;
        let urls = embedded(&options.data_dir).map_err(|why| StartError::option("data-dir", why))?;
        let (currency, path) = (options.shop.currency, |file| options.data_dir.join(file));
        let service = (migration::orders::SERVICE, currency);
        let orders = open(urls.orders, &path(ORDERS_FILE), service, migration::orders::up).await?;
        let service = (migration::payments::SERVICE, currency);
        let payments = open(urls.payments, &path(PAYMENTS_FILE), service, migration::payments::up).await?;
        let ends = pair_up(&orders, &payments).await.map_err(|why| StartError::option("data-dir", why))?;
        let (broker, clock) = (MemoryBroker::new(), Clock::system());
        let parts = orders_svc::app::Parts {
            stores: orders.into(),
            broker: Arc::new(broker.clone()),
            pair: ends[0].clone(),
            clock: clock.clone(),
            tracer: telemetry.tracer("orders-svc"),
        };
        let orders = orders_svc::app::App::start(parts, &options.shop, &mut registry);
        let parts = payments_svc::app::Parts {
            stores: payments.into(),
            broker: Arc::new(broker.clone()),
            pair: ends[1].clone(),
            clock,
            tracer: telemetry.tracer("payments-svc"),
        };
        let payments = payments_svc::app::App::start(parts, &options.shop, &mut registry);
        let observer = Observer { metrics: HttpMetrics::register(&mut registry), tracer: telemetry.tracer("http") };
        launch::process_metrics::register(&mut registry);
        let page = Page::read(&options.web_dir).map_err(|why| StartError::option("web-dir", why))?;
        let configure = routes(&orders, &payments, page, Arc::new(registry));
        let server = launch::serve(listener, usize::from(options.shop.http_workers), configure, observer).await?;
        Ok(Self { server, orders, payments, broker, telemetry, _lock: lock })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Stops it: what was accepted is finished or safely in an outbox.
    pub async fn stop(self) {
        self.orders.close_sockets().await;
        self.server.stop().await;
        tokio::join!(self.orders.stop_intake(), self.payments.stop_intake());
        // Nobody consumes any more: closing answers the publishers, and their rows stay in the outbox.
        self.broker.close().await;
        tokio::join!(self.orders.finish(), self.payments.finish());
        self.telemetry.stop().await;
    }
}

/// Runs the shop until it is told to stop.
///
/// # Errors
/// [`StartError`] when it cannot start.
pub async fn run(options: UpOptions) -> Result<(), StartError> {
    launch::logging::start(&options.shop)?;
    launch::arm_failpoints();
    let shop = Shop::start(&options).await?;
    tracing::info!("the shop is open on http://{}", shop.address());
    launch::stop_signal().await?;
    shop.stop().await;
    tracing::info!("stopped");
    Ok(())
}

fn lock(dir: &Path) -> Result<File, String> {
    let cannot = |error: io::Error| format!("{} cannot be used: {error}", dir.display());
    create_dir_all(dir).map_err(cannot)?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE)).map_err(cannot)?;
    file.try_lock().map_err(|_| format!("another shop is running in {}", dir.display()))?;
    Ok(file)
}

/// Opens a database, brings its schema up to date and looks whether it is what it should be. The lock says that nobody else is here, so
/// whatever was leased has outlived its sender. What goes wrong is told with the file's name.
async fn open(
    url: String,
    file: &Path,
    (service, currency): (&'static str, Currency),
    migrate: impl AsyncFn(&DatabaseConnection) -> Result<(), MigrateError>,
) -> Result<Store, StartError> {
    let wrong = |why: &dyn Display| StartError::option("data-dir", format!("{}: {why}", file.display()));
    let options = Options { url, max_connections: 4, application: "gozon", plans: Plans::ByIndex };
    let store = Store::open(&options).await.map_err(|why| wrong(&why))?;
    migrate(store.pool()).await.map_err(|why| wrong(&why))?;
    launch::meaning::examine(&store, service, currency).await.map_err(|why| wrong(&why))?;
    outbox::release_all(&store).await.map_err(|why| wrong(&why))?;
    Ok(store)
}

/// The two of one directory are a pair, unless they say otherwise.
async fn pair_up(orders: &Store, payments: &Store) -> Result<[Pair; 2], String> {
    let databases = Databases { orders: orders.clone(), payments: payments.clone() };
    let words = |error: DatabaseError| error.to_string();
    let standing = Standing::read(&databases).await.map_err(words)?;
    match standing.together() {
        Together::Yes => {}
        Together::NotYet => standing.accept(&databases).await.map_err(words)?,
        Together::No => {
            let advice = "the two databases do not belong together: put back the one that is missing, or see gozon pair --accept";
            return Err(advice.to_owned());
        }
    }
    let ends = [Pair::default(), Pair::default()];
    for (pair, store) in ends.iter().zip([orders, payments]) {
        pair.read(store).await.map_err(|error| error.to_string())?;
    }
    Ok(ends)
}

fn routes(
    orders: &orders_svc::app::App,
    payments: &payments_svc::app::App,
    page: Page,
    registry: Arc<Registry>,
) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let (of_orders, of_payments) = (orders.handlers(), payments.handlers());
    let checks = Arc::new([orders.checks(), payments.checks()].concat());
    move |cfg: &mut web::ServiceConfig| {
        of_orders.configure(cfg);
        of_payments.configure(cfg);
        page.configure(cfg);
        edge::configure_operation(cfg, registry.clone(), checks.clone());
        cfg.service(
            edge::resource("/health", "GET").get(async || HttpResponse::Ok().json(serde_json::json!({"status": "ok"}))),
        );
    }
}
