//! Where it happens: private servers, a network before each that can fail, three instances of each service of which two run.
//! Absent: faults and clients.

use crate::{
    broker::{self, Broker},
    inject::{Network, Servers},
    options::Options,
    plan::INSTANCES,
    poison::Letters,
};
use anyhow::{Context, Result};
use e2e::{Books, Plan, Shop, until};
use futures_util::future::try_join_all;
use gozon::databases::Urls;
use std::{
    env,
    sync::{Arc, Mutex},
};
use testbed::{Postgres, Proxy};
use tokio::task::spawn_blocking;

/// Everything that faults strike, and the ways past them. The shop ends before its servers.
pub struct Lab {
    /// The shop.
    pub shop: Shop,
    /// Its books, past the proxy.
    pub books: Books,
    /// Its broker, as a stranger sees it.
    pub broker: Arc<dyn Broker>,
    /// The account of the poison.
    pub letters: Arc<Mutex<Letters>>,
    /// The networks.
    pub network: Network,
    /// The servers.
    pub servers: Servers,
}

impl Lab {
    /// Starts it all.
    ///
    /// # Errors
    /// When a server or an instance does not start.
    pub async fn open(options: &Options) -> Result<Self> {
        let (postgres, broker) = servers(options).await?;
        let network = Network { postgres: Proxy::start(postgres.address())?, broker: Arc::clone(&broker) };
        let mut shop = plan(options, &network, &postgres).prepare().await?;
        let running = shop.orders.iter_mut().take(INSTANCES).chain(shop.payments.iter_mut().take(INSTANCES));
        try_join_all(running.map(e2e::Process::start)).await?;
        let client = &shop.client()?;
        until("all instances to be ready", || async move { client.ready().await }).await?;
        let books = Books::at(past_the_proxy(shop.books.urls(), &postgres)?);
        let letters = Arc::default();
        let servers = Servers { postgres, broker: Arc::clone(&broker), letters: Arc::clone(&letters) };
        Ok(Self { shop, books, broker, letters, network, servers })
    }
}

/// In the target directory: the system's temporary one may be memory, which survives no power cut.
async fn servers(options: &Options) -> Result<(Postgres, Arc<dyn Broker>)> {
    let program = env::current_exe().context("this program's own path")?;
    let dir = program.parent().context("a program lies in a directory")?.join("chaos-servers");
    let other = dir.clone();
    let (postgres, broker) =
        tokio::join!(spawn_blocking(move || Postgres::start(&other)), broker::start(options.transport, &dir));
    Ok((postgres??, broker?))
}

fn plan(options: &Options, network: &Network, postgres: &Postgres) -> Plan {
    let variables = vec![
        ("PAY_WITHIN_SECONDS", options.pay_within_seconds.to_string()),
        ("FAILPOINTS", options.failpoints.clone()),
    ];
    let postgres = network.postgres.url(&postgres.admin_url());
    let prefix = network.broker.prefix().to_owned();
    Plan { variables, prefix, ..Plan::at(&postgres, &network.broker.url(), INSTANCES + 1, INSTANCES + 1) }
}

fn past_the_proxy(urls: &Urls, postgres: &Postgres) -> Result<Urls> {
    let direct = |url: &str| {
        let (_, database) = url.rsplit_once('/').context("a PostgreSQL URL ends in /<database>")?;
        anyhow::Ok(postgres.url(database))
    };
    Ok(Urls { orders: direct(&urls.orders)?, payments: direct(&urls.payments)? })
}
