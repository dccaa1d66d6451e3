//! Where it is measured: private servers with durable commits, and shops opened on them.
//! Absent: load, and servers on other machines; all share the same cores, which is what the ratios are about.

use crate::{baseline::execute, options::Options, progress::Progress};
use anyhow::{Context, Result};
use clap::ValueEnum;
use e2e::{Plan, Shop};
use std::{env, future::Future, time::Duration};
use testbed::Servers;

/// Of things in a quick run.
const QUICK_SHARE: usize = 50;
/// Of a shop whose orders nothing but payments shall end.
const LONGER_THAN_ANY_RUN: Duration = Duration::from_secs(24 * 3_600);

/// How the shop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deployment {
    /// One instance of each service, PostgreSQL, RabbitMQ.
    Servers,
    /// Two instances of each.
    Two,
    /// All in one process, on SQLite.
    Embedded,
    /// As the first, on librdkafka's mock of a Kafka: no disk, no copies, so only for information.
    #[cfg(feature = "kafka")]
    Kafka,
}

/// The servers, and how long to measure.
pub struct Lab {
    servers: Servers,
    #[cfg(feature = "kafka")]
    kafka: fixtures::kafka::MockKafka,
    /// Where it stands.
    pub progress: Progress,
    /// One measurement.
    pub time: Duration,
    /// How often the sides take turns.
    pub rounds: u32,
    /// Whether the figures do not matter.
    pub quick: bool,
}

impl Lab {
    /// Starts the servers, in the target directory: the system's temporary one may be memory, where a commit costs nothing.
    ///
    /// # Errors
    /// When one does not start.
    pub fn open(options: &Options) -> Result<Self> {
        let program = env::current_exe().context("this program's own path")?;
        let dir = program.parent().context("a program lies in a directory")?.join("bench-servers");
        let (time, rounds, quick) = (options.time(), options.rounds(), options.quick);
        Ok(Self {
            servers: Servers::up(&dir)?,
            #[cfg(feature = "kafka")]
            kafka: mock()?,
            progress: Progress::new(),
            time,
            rounds,
            quick,
        })
    }

    /// A number of things, few of them when the figures do not matter.
    pub fn scaled(&self, full: usize) -> usize {
        if self.quick { full / QUICK_SHARE } else { full }
    }

    /// A PostgreSQL where databases can be created.
    pub fn postgres_url(&self) -> &str {
        self.servers.postgres_url()
    }

    /// The broker.
    pub fn amqp_url(&self) -> &str {
        self.servers.amqp_url()
    }

    /// A shop without accounts, open.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn shop(&self, deployment: Deployment) -> Result<Shop> {
        match deployment {
            Deployment::Servers => self.plan(1).open().await,
            Deployment::Two => self.plan(2).open().await,
            Deployment::Embedded => Shop::embedded().await,
            #[cfg(feature = "kafka")]
            Deployment::Kafka => {
                let url = format!("kafka://{}", self.kafka.servers);
                Plan { prefix: String::new(), ..Plan::at(self.postgres_url(), &url, 1, 1) }.open().await
            }
        }
    }

    /// The same on servers, with a payment deadline that never comes.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn patient_shop(&self, deployment: Deployment) -> Result<Shop> {
        let mut plan = self.plan(if deployment == Deployment::Two { 2 } else { 1 });
        plan.variables.push(("PAY_WITHIN_SECONDS", LONGER_THAN_ANY_RUN.as_secs().to_string()));
        plan.open().await
    }

    /// Measures, and says so.
    ///
    /// # Errors
    /// The measurement's own.
    pub async fn measuring<T>(&self, side: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.progress.say(side);
        execute(self.postgres_url(), "CHECKPOINT").await?;
        work.await
    }

    fn plan(&self, instances: usize) -> Plan {
        Plan::at(self.postgres_url(), self.amqp_url(), instances, instances)
    }
}

/// A Kafka with the contract's topics, as many partitions as the services would make.
#[cfg(feature = "kafka")]
fn mock() -> Result<fixtures::kafka::MockKafka> {
    const PARTITIONS: i32 = 12;
    let mock = fixtures::kafka::MockKafka::start(1).and_then(|mock| mock.topics(PARTITIONS).map(|()| mock));
    mock.map_err(|error| anyhow::anyhow!(error))
}
