//! The instances of both services on their two databases: each can be killed at any moment, stand still, and start again.
//! Absent: when that happens (events), and HTTP; buyers ask the actors.

use crate::{
    connection::{Connection, Line},
    post::Post,
    world::{InstanceId, World, acting},
};
use anyhow::Result;
use clap::Parser;
use gozon::{
    config::{ORDERS_FILE, PAYMENTS_FILE, embedded},
    databases::Urls,
};
use launch::ShopOptions;
use messaging::Pair;
use prometheus_client::registry::Registry;
use std::{
    cell::{Cell, RefCell},
    future::Future,
    path::Path,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use store::{Options, Plans, Store};
use telemetry::Tracer;
use tokio::{
    task::{JoinHandle, LocalSet, spawn_local},
    time::{Instant, Sleep, sleep_until},
};

/// How long an order may wait for its payment, in seconds: some wait longer here.
const PAY_WITHIN: &str = "20";
/// Instances: the first ones are of orders, the others of payments.
const ORDERS: usize = 2;
const PAYMENTS: usize = 2;

#[derive(Parser)]
struct Shop {
    #[command(flatten)]
    options: ShopOptions,
}

/// Both databases, with tables, to be copied for each seed.
#[derive(Debug)]
pub struct Template(tempfile::TempDir);

impl Template {
    /// Makes it, in memory where there is a file system in memory.
    ///
    /// # Errors
    /// The system's, or the database's.
    pub async fn make() -> Result<Self> {
        let dir = place()?;
        let urls = embedded(dir.path())?;
        for (url, orders) in [(&urls.orders, true), (&urls.payments, false)] {
            let store = open(url).await?;
            if orders {
                migration::orders::up(store.pool()).await?;
            } else {
                migration::payments::up(store.pool()).await?;
            }
            store.close().await?;
        }
        Ok(Self(dir))
    }

    /// A copy.
    ///
    /// # Errors
    /// The system's.
    pub fn copy(&self) -> Result<tempfile::TempDir> {
        let dir = place()?;
        for file in [ORDERS_FILE, PAYMENTS_FILE] {
            std::fs::copy(self.0.path().join(file), dir.path().join(file))?;
        }
        Ok(dir)
    }
}

fn place() -> Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix("gozon-simulation-");
        builder
    };
    Ok(if memory.is_dir() { builder().tempdir_in(memory)? } else { builder().tempdir()? })
}

/// Opens a database.
///
/// # Errors
/// The driver's.
pub async fn open(url: &str) -> Result<Store> {
    let options = Options { url: url.to_owned(), max_connections: 4, application: "simulation", plans: Plans::ByIndex };
    Ok(Store::open(&options).await?)
}

/// A service's handles, as long as the instance lives.
#[derive(Clone)]
pub enum App {
    /// An instance of orders.
    Orders(Box<orders_svc::app::App>),
    /// An instance of payments.
    Payments(Box<payments_svc::app::App>),
}

/// All instances.
pub struct House {
    world: Arc<World>,
    post: Arc<Post>,
    /// The orders database.
    pub orders: Store,
    /// The payments database.
    pub payments: Store,
    members: Vec<RefCell<Option<Member>>>,
    closed: Cell<bool>,
}

struct Member {
    app: App,
    connection: Arc<Connection>,
    frost: Rc<Frost>,
    body: JoinHandle<()>,
}

/// Until when an instance stands still, if it does.
#[derive(Default)]
struct Frost {
    until: Cell<Option<Instant>>,
    /// Who stands still.
    frozen: RefCell<Option<Waker>>,
}

impl Frost {
    /// The instance goes on. Nobody else may wake it: all its tasks stand still, too.
    fn thaw(&self) {
        self.until.set(None);
        if let Some(frozen) = self.frozen.take() {
            frozen.wake();
        }
    }
}

impl House {
    /// All instances started.
    ///
    /// # Errors
    /// The driver's.
    pub async fn open(world: &Arc<World>, post: &Arc<Post>, urls: &Urls) -> Result<Rc<Self>> {
        let members = (0..ORDERS + PAYMENTS).map(|_| RefCell::default()).collect();
        let (orders, payments) = (open(&urls.orders).await?, open(&urls.payments).await?);
        let house = Rc::new(Self {
            world: world.clone(),
            post: post.clone(),
            orders,
            payments,
            members,
            closed: Cell::new(false),
        });
        (0..house.members.len()).for_each(|instance| house.start(instance));
        Ok(house)
    }

    /// All instances there may be.
    pub fn instances(&self) -> Vec<InstanceId> {
        (0..self.members.len()).collect()
    }

    /// Starts an instance, unless it runs, or the house is closed.
    pub fn start(&self, instance: InstanceId) {
        let mut place = self.members[instance].borrow_mut();
        if place.is_some() || self.closed.get() {
            return;
        }
        self.world.note(format_args!("instance {instance} starts"));
        let connection = Connection::new(self.post.clone(), instance);
        let local = LocalSet::new();
        let app = acting(instance, || {
            let _within = local.enter();
            self.build(instance, &connection)
        });
        let frost = Rc::new(Frost::default());
        let body = Body { instance, local, frost: frost.clone(), thaw: None };
        *place = Some(Member { app, connection, frost, body: spawn_local(body) });
    }

    fn build(&self, instance: InstanceId, connection: &Arc<Connection>) -> App {
        let options = Shop::parse_from(["simulation", "--pay-within-seconds", PAY_WITHIN]).options;
        let (broker, clock, tracer) = (Arc::new(Line(connection.clone())), self.world.clock(), Tracer::default());
        let (registry, pair) = (&mut Registry::default(), Pair::default());
        if instance < ORDERS {
            let parts = orders_svc::app::Parts { stores: self.orders.clone().into(), broker, pair, clock, tracer };
            App::Orders(Box::new(orders_svc::app::App::start(parts, &options, registry)))
        } else {
            let parts = payments_svc::app::Parts { stores: self.payments.clone().into(), broker, pair, clock, tracer };
            App::Payments(Box::new(payments_svc::app::App::start(parts, &options, registry)))
        }
    }

    /// Takes an instance away, with all that it knew. `false` when it was dead already.
    pub fn kill(&self, instance: InstanceId) -> bool {
        let Some(member) = self.members[instance].borrow_mut().take() else { return false };
        self.world.note(format_args!("instance {instance} is dead"));
        member.connection.cut();
        member.body.abort();
        true
    }

    /// Has an instance stand still for so long. `false` when it is dead.
    pub fn freeze(&self, instance: InstanceId, span: Duration) -> bool {
        let member = self.members[instance].borrow();
        let Some(member) = &*member else { return false };
        self.world.note(format_args!("instance {instance} stands still for {span:?}"));
        member.frost.until.set(Some(Instant::now() + span));
        true
    }

    /// An instance's connection to the broker, if it runs.
    pub fn connection(&self, instance: InstanceId) -> Option<Arc<Connection>> {
        self.members[instance].borrow().as_ref().map(|member| member.connection.clone())
    }

    /// An instance of orders that runs, any.
    pub fn some_orders(&self) -> Option<Box<orders_svc::app::App>> {
        let running = self.members.iter().filter_map(|member| match &member.borrow().as_ref()?.app {
            App::Orders(app) => Some(app.clone()),
            App::Payments(_) => None,
        });
        self.world.one_of(&running.collect::<Vec<_>>()).cloned()
    }

    /// An instance of payments that runs, any.
    pub fn some_payments(&self) -> Option<Box<payments_svc::app::App>> {
        let running = self.members.iter().filter_map(|member| match &member.borrow().as_ref()?.app {
            App::Payments(app) => Some(app.clone()),
            App::Orders(_) => None,
        });
        self.world.one_of(&running.collect::<Vec<_>>()).cloned()
    }

    /// Everything runs and is connected.
    pub fn heal(&self) {
        for (instance, member) in self.members.iter().enumerate() {
            if let Some(member) = &*member.borrow() {
                member.connection.mend();
                member.frost.thaw();
            }
            self.start(instance);
        }
    }

    /// Takes all away, for good.
    pub fn close(&self) {
        self.closed.set(true);
        for instance in self.instances() {
            self.kill(instance);
        }
    }
}

/// All tasks of an instance. Dropped, they are gone at whatever they were doing.
struct Body {
    instance: InstanceId,
    local: LocalSet,
    frost: Rc<Frost>,
    thaw: Option<Pin<Box<Sleep>>>,
}

impl Future for Body {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let frost = self.frost.clone();
        while let Some(until) = frost.until.get() {
            if until <= Instant::now() {
                frost.until.set(None);
                self.thaw = None;
                break;
            }
            frost.frozen.replace(Some(context.waker().clone()));
            let thaw = self.thaw.get_or_insert_with(|| Box::pin(sleep_until(until)));
            thaw.as_mut().reset(until);
            if pin!(thaw.as_mut()).poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        let instance = self.instance;
        acting(instance, || Pin::new(&mut self.local).poll(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::yield_now;

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_stands_still_goes_on_at_once_when_all_is_well() {
        let began = Instant::now();
        let house = LocalSet::new();
        let went_on = house.run_until(async {
            let (local, frost) = (LocalSet::new(), Rc::new(Frost::default()));
            let work = local.spawn_local(async {});
            frost.until.set(Some(began + Duration::from_secs(10)));
            let body = spawn_local(Body { instance: 0, local, frost: frost.clone(), thaw: None });
            yield_now().await;
            assert!(!work.is_finished());
            frost.thaw();
            work.await.expect("not cancelled");
            body.abort();
        });
        went_on.await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
