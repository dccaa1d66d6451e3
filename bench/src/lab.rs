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

/// How the shop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deployment {
    /// One instance of each service, PostgreSQL, RabbitMQ.
    Servers,
    /// Two instances of each.
    Two,
    /// All in one process, on SQLite.
    Embedded,
}

/// The servers, and how long to measure.
pub struct Lab {
    servers: Servers,
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
        Ok(Self { servers: Servers::up(&dir)?, progress: Progress::new(), time, rounds, quick })
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
        }
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
