//! The embedded shop: both services in one process, on two SQLite files, with the in-process broker, behind one port.
//! Absent: anything of the services' own; this is their composition root once more.

use crate::{
    config::{ORDERS_FILE, PAYMENTS_FILE, UpOptions, embedded},
    databases::{DatabaseError, Databases},
    directory::{self, Found},
    lock::Lock,
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
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::{fmt::Display, net::SocketAddr, path::Path, sync::Arc};
use store::{Clock, Door, Files, Micros, Options, Plans, Store};

/// So many rows are counted at the start; counting all of a large shop would take seconds.
const COUNTED: i64 = 100_000;

/// A running shop.
pub struct Shop {
    server: Running,
    orders: orders_svc::app::App,
    payments: payments_svc::app::App,
    broker: MemoryBroker,
    telemetry: Telemetry,
    _lock: Lock,
}

impl Shop {
    /// Starts the shop in the directory, where it stopped if there was one before. Call it within an actix system.
    ///
    /// # Errors
    /// [`StartError`] when the address or the directory cannot be used.
    pub async fn start(options: &UpOptions) -> Result<Self, StartError> {
        let mut registry = Registry::default();
        let telemetry = Telemetry::start(&options.shop, "gozon", &mut registry)?;
        let in_dir = |why: String| StartError::option("data-dir", why);
        let mut lock = Lock::take(&options.data_dir, options.existing).map_err(in_dir)?;
        let found = directory::prepare(&options.data_dir, options.existing).map_err(in_dir)?;
        let listener = launch::bind(options.listen)?;
        let urls = embedded(&options.data_dir).map_err(|why| StartError::option("data-dir", why))?;
        let (currency, path) = (options.shop.currency, |file| options.data_dir.join(file));
        let files = Files::default();
        let orders = open(urls.orders, &path(ORDERS_FILE), &files).await?;
        let payments = open(urls.payments, &path(PAYMENTS_FILE), &files).await?;
        tracing::info!("{}", first_line(options, found, &orders, &payments).await.map_err(in_dir)?);
        let service = (migration::orders::SERVICE, currency);
        bring_up(&orders, &path(ORDERS_FILE), service, migration::orders::up).await?;
        let service = (migration::payments::SERVICE, currency);
        bring_up(&payments, &path(PAYMENTS_FILE), service, migration::payments::up).await?;
        lock.note().map_err(in_dir)?;
        files.watch(&lock.path());
        files.look_regularly();
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

/// Opens a database. What goes wrong is told with the file's name.
async fn open(url: String, file: &Path, files: &Files) -> Result<Store, StartError> {
    let options = Options { url, max_connections: 4, application: "gozon", plans: Plans::ByIndex };
    Store::open_behind(&options, Door::default(), files).await.map_err(|why| wrong(file, &why))
}

/// Brings its schema up to date and looks whether it is what it should be. The lock says that nobody else is here, so whatever was leased
/// has outlived its sender.
async fn bring_up(
    store: &Store,
    file: &Path,
    (service, currency): (&'static str, Currency),
    migrate: impl AsyncFn(&DatabaseConnection) -> Result<(), MigrateError>,
) -> Result<(), StartError> {
    migrate(store.pool()).await.map_err(|why| wrong(file, &why))?;
    launch::meaning::examine(store, service, currency).await.map_err(|why| wrong(file, &why))?;
    outbox::release_all(store).await.map_err(|why| wrong(file, &why))?;
    Ok(())
}

fn wrong(file: &Path, why: &dyn Display) -> StartError {
    StartError::option("data-dir", format!("{}: {why}", file.display()))
}

/// What was opened, before anything else is said: a typing error in the directory's name must not look like an empty shop.
///
/// # Errors
/// In words, when one of the two has rows and the other was never in use; or neither was, and one in use was expected.
async fn first_line(options: &UpOptions, found: Found, orders: &Store, payments: &Store) -> Result<String, String> {
    let dir = options.data_dir.display();
    let (placed, accounts) = (rows(orders, "orders").await, rows(payments, "accounts").await);
    // Files without tables are what is left of a first opening that was broken off.
    if found == Found::Nothing || (placed, accounts) == (None, None) {
        return directory::made(&options.data_dir, options.existing);
    }
    if let (Some(1..), None) | (None, Some(1..)) = (placed, accounts) {
        return Err(format!(
            "one of the two databases in {dir} is in use and the other one empty: put back the one that was lost"
        ));
    }
    let since = match launch::meaning::read(orders.pool()).await {
        Ok(identity) => format!(", since {}", Micros(identity.created_at)),
        Err(_) => String::new(),
    };
    Ok(format!("opened the shop in {dir}{since}: {}, {}", counted(accounts, "accounts"), counted(placed, "orders")))
}

/// How many rows there are, up to one more than [`COUNTED`]; `None` when there is no such table yet.
async fn rows(store: &Store, table: &str) -> Option<i64> {
    let sql = format!("SELECT count(*) AS number FROM (SELECT 1 FROM {table} LIMIT {}) AS some", COUNTED + 1);
    let row = store.pool().query_one_raw(Statement::from_string(store.backend(), sql)).await.ok()??;
    row.try_get("", "number").ok()
}

fn counted(rows: Option<i64>, what: &str) -> String {
    match rows.unwrap_or_default() {
        many if many > COUNTED => format!("more than {COUNTED} {what}"),
        some => format!("{some} {what}"),
    }
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
