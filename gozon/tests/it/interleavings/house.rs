//! Both services in this process, each on a SQLite file, with a broker and a clock that the test plays; each can be stopped and
//! started again. Absent: HTTP; the services' own tests have it.

use super::wire::Wire;
use crate::shop::TestResult;
use clap::Parser;
use gozon::{
    config::embedded,
    databases::{Databases, Urls},
};
use launch::ShopOptions;
use messaging::{broker::Broker, outbox};
use orders_svc::{order::OrderDraft, placing, settling};
use payments_svc::accounts::{account::Command, ledger::Task};
use prometheus_client::{encoding::text::encode, registry::Registry};
use saga::{
    Amount, OrderId, TransactionId, UserId,
    order::{CancelCause, Event},
};
use std::{
    cell::RefCell,
    fs::File,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{Clock, Micros, Options, Plans, Rows, Sql, Store};
use telemetry::{TraceContext, Tracer};
use tempfile::TempDir;
use tokio::{sync::Mutex, time::timeout};
use uuid::Uuid;

/// How long anything may be waited for, less than a case may take: so it is named.
const LIMIT: Duration = Duration::from_secs(30);
/// How long an order may wait for its payment. The look-out waits that long too before it begins.
const PAY_WITHIN: Duration = Duration::from_secs(1);
/// What the clock is put forward by: further than the machine's clock, by which ids are made, can have gone meanwhile.
const LATER: Duration = Duration::from_secs(900);

#[derive(Parser)]
struct Shop {
    #[command(flatten)]
    options: ShopOptions,
}

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Orders,
    Payments,
}

/// The services with what they share.
pub struct House {
    pub wire: Arc<Wire>,
    pub books: Databases,
    urls: Urls,
    now: Arc<AtomicI64>,
    running: RefCell<Running>,
    changing: Mutex<()>,
    _dir: TempDir,
}

#[derive(Clone)]
struct Running {
    orders: orders_svc::app::App,
    of_orders: Arc<Registry>,
    payments: payments_svc::app::App,
}

impl House {
    pub async fn open() -> TestResult<Self> {
        let (dir, wire, now) =
            (tempfile::tempdir()?, Arc::new(Wire::default()), Arc::new(AtomicI64::new(Clock::system().now().0)));
        let urls = embedded(dir.path())?;
        for file in [gozon::config::ORDERS_FILE, gozon::config::PAYMENTS_FILE] {
            File::create(dir.path().join(file))?;
        }
        let books = Databases::open(&urls).await?;
        migration::orders::up(books.orders.pool()).await?;
        migration::payments::up(books.payments.pool()).await?;
        let (orders, of_orders) = orders(&urls, &wire, &now).await?;
        let payments = payments(&urls, &wire, &now).await?;
        let running = RefCell::new(Running { orders, of_orders, payments });
        Ok(Self { wire, books, urls, now, running, changing: Mutex::new(()), _dir: dir })
    }

    fn running(&self) -> Running {
        self.running.borrow().clone()
    }

    /// Stops a service in order and starts it again on the same books, its outbox free for whoever sweeps.
    pub async fn restart(&self, service: Service) -> TestResult {
        let _one = self.changing.lock().await;
        let running = self.running();
        match service {
            Service::Orders => {
                self.stop_orders(&running).await?;
                outbox::release_all(&self.books.orders).await?;
                let (orders, of_orders) = orders(&self.urls, &self.wire, &self.now).await?;
                let mut running = self.running.borrow_mut();
                (running.orders, running.of_orders) = (orders, of_orders);
            }
            Service::Payments => {
                stop_payments(&running.payments).await;
                outbox::release_all(&self.books.payments).await?;
                let payments = payments(&self.urls, &self.wire, &self.now).await?;
                self.running.borrow_mut().payments = payments;
            }
        }
        Ok(())
    }

    /// Stops both.
    pub async fn close(self) -> TestResult {
        let running = self.running();
        self.stop_orders(&running).await?;
        stop_payments(&running.payments).await;
        self.wire.close().await;
        self.books.close().await;
        Ok(())
    }

    /// Payments must never have contradicted itself.
    async fn stop_orders(&self, running: &Running) -> TestResult {
        running.orders.stop_intake().await;
        running.orders.finish().await;
        let mut metrics = String::new();
        encode(&mut metrics, &running.of_orders)?;
        let none = metrics.lines().any(|line| line == "orders_payment_contradictions_total 0");
        if none { Ok(()) } else { Err("payments has contradicted a final order".into()) }
    }

    pub async fn open_account(&self, user: &str) -> TestResult {
        self.command(user, Command::Create).await
    }

    pub async fn top_up(&self, user: &str, units: i64) -> TestResult {
        let transaction_id = TransactionId::new(Uuid::now_v7());
        self.command(user, Command::TopUp { amount: Amount::from_minor(units * 100)?, transaction_id, key: None }).await
    }

    /// What a service cannot take while it is being restarted is not taken; nobody was promised anything.
    async fn command(&self, user: &str, command: Command) -> TestResult {
        let accounts = self.running().payments.handlers().accounts;
        drop(accounts.change(UserId::parse(user)?, Task { command, message: None }).await);
        Ok(())
    }

    /// Places an order, unless the service is being restarted.
    pub async fn place(&self, user: &str, units: i64) -> TestResult<Option<OrderId>> {
        let order = OrderDraft {
            user_id: UserId::parse(user)?,
            amount: Amount::from_minor(units * 100)?,
            description: None,
            idempotency_key: None,
        };
        let draft = placing::Draft { order, trace: TraceContext::unsampled() };
        match self.running().orders.handlers().placing.place(draft).await {
            Ok(placing::Placed::New(order)) => Ok(Some(order.id)),
            Ok(other) => Err(format!("an order without a key became {other:?}").into()),
            Err(_) => Ok(None),
        }
    }

    /// Wishes that the order be cancelled; `None` when the service is being restarted.
    pub async fn cancel(&self, user: &str, order_id: OrderId) -> TestResult<Option<settling::Settled>> {
        let (user_id, event) = (UserId::parse(user)?, Event::CancelRequested(CancelCause::ByUser));
        let wish = settling::Wish { order_id, user_id, event, version: None, trace: TraceContext::unsampled() };
        Ok(self.running().orders.handlers().settling.wish(wish).await.ok())
    }

    /// Lets all deadlines of now go by, and waits until orders has seen it.
    pub async fn pass_deadlines(&self) -> TestResult {
        self.now.fetch_add(i64::try_from(LATER.as_micros())?, Ordering::SeqCst);
        static DUE: Sql = Sql::new(
            "SELECT count(*) AS n FROM orders WHERE status = 'NEW' AND cancel_requested_at IS NULL AND pay_before <= {1}",
        );
        let now = clock(&self.now).now();
        reached("what is due to be wished for", async || {
            Ok(number(&self.books.orders, &DUE, vec![now.0.into()]).await? == 0)
        })
        .await
    }

    /// Waits until all that is decided has been published, or refused.
    pub async fn quiet(&self) -> TestResult {
        static LEASED: Sql = Sql::new("SELECT count(*) AS n FROM outbox WHERE lease_until <> 0");
        reached("the outboxes to be published", async || {
            let orders = number(&self.books.orders, &LEASED, Vec::new()).await?;
            Ok(orders + number(&self.books.payments, &LEASED, Vec::new()).await? == 0)
        })
        .await
    }

    /// Whether a message is left in an outbox that the broker did not confirm.
    pub async fn unconfirmed(&self) -> TestResult<bool> {
        static ALL: Sql = Sql::new("SELECT count(*) AS n FROM outbox");
        let orders = number(&self.books.orders, &ALL, Vec::new()).await?;
        Ok(orders + number(&self.books.payments, &ALL, Vec::new()).await? > 0)
    }

    /// Waits until the broker has confirmed everything.
    pub async fn confirmed(&self) -> TestResult {
        reached("the outboxes to be empty", async || Ok(!self.unconfirmed().await?)).await
    }
}

async fn stop_payments(payments: &payments_svc::app::App) {
    payments.stop_intake().await;
    payments.finish().await;
}

/// A clock that stands still, but for showing no two the same time.
fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = now.clone();
    Clock::from_fn(move || Micros(now.fetch_add(1, Ordering::SeqCst)))
}

fn options() -> ShopOptions {
    Shop::parse_from(["test", "--pay-within-seconds", &PAY_WITHIN.as_secs().to_string()]).options
}

async fn open(url: &str) -> TestResult<Store> {
    let options = Options { url: url.to_owned(), max_connections: 4, application: "test", plans: Plans::ByIndex };
    Ok(Store::open(&options).await?)
}

async fn orders(
    urls: &Urls,
    wire: &Arc<Wire>,
    now: &Arc<AtomicI64>,
) -> TestResult<(orders_svc::app::App, Arc<Registry>)> {
    let mut registry = Registry::default();
    let (stores, broker) = (open(&urls.orders).await?.into(), wire.clone());
    let parts = orders_svc::app::Parts {
        stores,
        broker,
        pair: messaging::Pair::default(),
        clock: clock(now),
        tracer: Tracer::default(),
    };
    let app = orders_svc::app::App::start(parts, &options(), &mut registry);
    Ok((app, Arc::new(registry)))
}

async fn payments(urls: &Urls, wire: &Arc<Wire>, now: &Arc<AtomicI64>) -> TestResult<payments_svc::app::App> {
    let (stores, broker) = (open(&urls.payments).await?.into(), wire.clone());
    let parts = payments_svc::app::Parts {
        stores,
        broker,
        pair: messaging::Pair::default(),
        clock: clock(now),
        tracer: Tracer::default(),
    };
    Ok(payments_svc::app::App::start(parts, &options(), &mut Registry::default()))
}

async fn number(store: &Store, sql: &'static Sql, values: Vec<sea_orm::Value>) -> TestResult<i64> {
    let rows = sql.query(store.connection(), Rows::new(), values).await?;
    Ok(rows.first().ok_or("a number")?.try_get("", "n")?)
}

/// Looks again and again, letting the services work in between.
async fn reached<Look: Future<Output = TestResult<bool>>>(what: &str, look: impl Fn() -> Look) -> TestResult {
    let looking = async {
        while !look().await? {
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    timeout(LIMIT, looking).await.map_err(|_| format!("waited in vain for {what}"))?
}
