//! A shop of several instances on PostgreSQL and RabbitMQ: databases and a broker prefix of its own on servers that others use too.
//! Absent: starting servers (testbed does that, or `cargo xtask test` has).

use crate::{Books, Process, Shop, broker::Topology, programs, shop::room};
use anyhow::{Context, Result};
use gozon::databases::Urls;
use sea_orm::ConnectionTrait;
use std::{ffi::OsString, path::Path};
use store::{Options, Plans, Store};
use uuid::Uuid;

/// What a shop shall be made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Instances of the orders service.
    pub orders: usize,
    /// Instances of the payments service.
    pub payments: usize,
    /// A PostgreSQL where databases can be created.
    pub postgres_url: String,
    /// A RabbitMQ, or a Kafka.
    pub amqp_url: String,
    /// Put before the names of all exchanges and queues.
    pub prefix: String,
    /// Variables in the environment of every process.
    pub variables: Vec<(&'static str, String)>,
}

impl Plan {
    /// So many instances of each service, on the servers of this test run.
    pub fn of(orders: usize, payments: usize) -> Self {
        Self::at(&testbed::postgres_url(), &testbed::amqp_url(), orders, payments)
    }

    /// So many instances of each service, on these servers.
    pub fn at(postgres_url: &str, amqp_url: &str, orders: usize, payments: usize) -> Self {
        Self {
            orders,
            payments,
            postgres_url: postgres_url.to_owned(),
            amqp_url: amqp_url.to_owned(),
            prefix: format!("e2e-{}.", Uuid::new_v4().simple()),
            variables: Vec::new(),
        }
    }

    /// The shop, open.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn open(self) -> Result<Shop> {
        let mut shop = self.prepare().await?;
        shop.start().await?;
        Ok(shop)
    }

    /// The shop with its databases, empty, and none of its processes started.
    ///
    /// # Errors
    /// When the databases cannot be created.
    pub async fn prepare(self) -> Result<Shop> {
        let (dir, _room) = room().await?;
        let id = Uuid::new_v4().simple();
        let [orders, payments] = ["orders", "payments"].map(|service| format!("e2e_{service}_{id}"));
        for database in [&orders, &payments] {
            execute(&self.postgres_url, &format!("CREATE DATABASE {database}")).await?;
            // As operators do who want speed: whoever writes here and means it says so for the session.
            execute(&self.postgres_url, &format!("ALTER DATABASE {database} SET synchronous_commit = off")).await?;
        }
        let [orders, payments] = [orders, payments].map(|database| with_database(&self.postgres_url, &database));
        let urls = Urls { orders: orders?, payments: payments? };
        Ok(Shop {
            orders: self.instances("orders-svc", self.orders, &urls.orders, dir.path())?,
            payments: self.instances("payments-svc", self.payments, &urls.payments, dir.path())?,
            books: Books::at(urls),
            // A Kafka's topics go with its mock.
            topology: (!self.amqp_url.starts_with("kafka:")).then(|| Topology::new(&self.amqp_url, &self.prefix)),
            on_servers: true,
            dir,
            _room,
        })
    }

    fn instances(&self, service: &str, number: usize, database: &str, logs: &Path) -> Result<Vec<Process>> {
        let program = programs::service(service)?;
        let options = ["--database-url", database, "--broker-url", &self.amqp_url, "--broker-prefix", &self.prefix]
            .map(OsString::from);
        let instance = |number| {
            let name = format!("{service}-{number}");
            let mut process = Process::new(name, program.clone(), options.to_vec(), logs.to_owned());
            self.variables.iter().for_each(|(variable, value)| process.set(variable, value));
            process
        };
        Ok((0..number).map(instance).collect())
    }
}

/// The same server's URL with another database.
fn with_database(url: &str, database: &str) -> Result<String> {
    let (server, _) = url.rsplit_once('/').context("a PostgreSQL URL ends in /<database>")?;
    Ok(format!("{server}/{database}"))
}

async fn execute(url: &str, sql: &str) -> Result<()> {
    let store =
        Store::open(&Options { url: url.to_owned(), max_connections: 1, application: "e2e", plans: Plans::Free })
            .await?;
    store.connection().execute_unprepared(sql).await?;
    Ok(store.close().await?)
}

/// Drops both databases.
pub(crate) async fn remove(books: &Books) -> Result<()> {
    for url in [&books.urls().orders, &books.urls().payments] {
        let (_, database) = url.rsplit_once('/').context("a PostgreSQL URL ends in /<database>")?;
        execute(&with_database(url, "postgres")?, &format!("DROP DATABASE {database} WITH (FORCE)")).await?;
    }
    Ok(())
}
