//! The whole payments service in the test's process: real HTTP, a real database, the in-process broker with nobody behind it.
//! Absent: orders; nothing is charged here.

use clap::Parser;
use edge::HttpMetrics;
use fixtures::{
    database::{Kind, TestResult, open, with_database},
    http::Caller,
};
use futures_util::FutureExt;
use launch::{Running, ShopOptions};
use messaging::broker::memory::MemoryBroker;
use payments_svc::{
    app::{App, Parts},
    http::Handlers,
};
use prometheus_client::registry::Registry;
use sea_orm::{ConnectionTrait, Statement};
use std::{
    future::Future,
    net::TcpListener,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
    time::Duration,
};
use store::{Clock, Store};
use telemetry::Tracer;
use tokio::time::timeout;

/// How long the service may take to be ready. Generous: a machine that compiles at the same time is no defect.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    shop: ShopOptions,
}

/// The service under test.
pub struct Service {
    pub store: Store,
    pub broker: MemoryBroker,
    pub handlers: Handlers,
    caller: Caller,
}

/// Runs a test against a service on a fresh database, and stops it in the right order.
pub async fn with_service<F, Run>(kind: Kind, test: F) -> TestResult
where
    F: FnOnce(Arc<Service>) -> Run,
    Run: Future<Output = TestResult>,
{
    with_database(kind, async |url| {
        let store = open(&url).await?;
        migration::payments::up(store.pool()).await?;
        let broker = MemoryBroker::new();
        let (app, server) = start(&store, &broker).await?;
        let caller = Caller::new(format!("http://{}", server.address));
        let (store, handlers) = (open(&url).await?, app.handlers());
        let service = Arc::new(Service { store, broker: broker.clone(), handlers, caller });
        timeout(LIMIT, service.ready()).await??;
        let outcome = AssertUnwindSafe(test(service.clone())).catch_unwind().await;
        server.stop().await;
        app.stop_intake().await;
        messaging::broker::Broker::close(&broker).await;
        app.finish().await;
        let left = service.left_behind().await;
        service.store.close().await?;
        outcome.unwrap_or_else(|panic| resume_unwind(panic))?;
        assert_eq!(left?, 0, "messages were left behind");
        Ok(())
    })
    .await
}

async fn start(store: &Store, broker: &MemoryBroker) -> TestResult<(App, Running)> {
    let mut registry = Registry::default();
    let options = Options::parse_from(["test"]).shop;
    let parts = Parts {
        stores: store.clone().into(),
        broker: Arc::new(broker.clone()),
        pair: messaging::Pair::default(),
        clock: Clock::system(),
        tracer: Tracer::default(),
    };
    let app = App::start(parts, &options, &mut registry);
    let (http, handlers, checks) = (HttpMetrics::register(&mut registry), app.handlers(), Arc::new(app.checks()));
    let registry = Arc::new(registry);
    let configure = move |cfg: &mut actix_web::web::ServiceConfig| {
        handlers.configure(cfg);
        edge::configure_operation(cfg, registry.clone(), checks.clone());
    };
    let server = launch::serve(TcpListener::bind("127.0.0.1:0")?, 1, configure, http).await?;
    Ok((app, server))
}

impl std::ops::Deref for Service {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl Service {
    /// Asks until the answer is yes: the schema is brought up to date in the background.
    async fn ready(&self) -> TestResult {
        while self.ask(self.request("GET", "/readyz")).await?.status != 200 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// How many accounts and entries there are.
    pub async fn rows(&self) -> TestResult<i64> {
        self.number("SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM entries) AS n").await
    }

    /// Messages set aside.
    async fn left_behind(&self) -> TestResult<i64> {
        self.number("SELECT count(*) AS n FROM parked").await
    }

    /// The column `n` of a statement.
    pub async fn number(&self, sql: &str) -> TestResult<i64> {
        let statement = Statement::from_string(self.store.backend(), sql);
        let row = self.store.connection().query_one_raw(statement).await?.ok_or("a number")?;
        Ok(row.try_get("", "n")?)
    }
}
