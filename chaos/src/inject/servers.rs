//! Faults of the servers: killed, away for long, back empty.
//! Absent: the network before them, and how a broker is made to fail (broker).

use super::{Strike, lasts, misplaced};
use crate::{
    broker::{Broker, lock},
    plan::{Kind, Step},
    poison::Letters,
};
use anyhow::Result;
use std::{
    net::TcpStream,
    sync::{Arc, Mutex},
};
use testbed::Postgres;
use tokio::task::block_in_place;

/// The lane of the servers.
pub struct Servers {
    /// PostgreSQL.
    pub postgres: Postgres,
    /// The broker.
    pub broker: Arc<dyn Broker>,
    /// The account of what must not be lost with the broker's data unseen.
    pub letters: Arc<Mutex<Letters>>,
}

impl Servers {
    /// Whatever a failure has left undone.
    ///
    /// # Errors
    /// When a server does not start.
    pub fn heal(&mut self) -> Result<()> {
        block_in_place(|| match TcpStream::connect(self.postgres.address()) {
            Ok(_) => Ok(()),
            Err(_) => self.postgres.start_again(),
        })?;
        self.broker.heal()
    }

    async fn empty_broker(&mut self, step: &Step) -> Result<()> {
        self.broker.collect(&self.letters).await?;
        self.broker.kill().await?;
        lock(&self.letters).broker_emptied();
        self.broker.wipe()?;
        lasts(step).await;
        self.broker.start_again()?;
        self.broker.declared().await
    }
}

impl Strike for Servers {
    async fn strike(&mut self, step: &Step) -> Result<()> {
        match step.kind {
            Kind::PostgresKilled => {
                block_in_place(|| self.postgres.kill_9())?;
                lasts(step).await;
                block_in_place(|| self.postgres.start_again())
            }
            Kind::BrokerKilled | Kind::BrokerAway => {
                self.broker.kill().await?;
                lasts(step).await;
                self.broker.start_again()
            }
            Kind::BrokerEmptied => self.empty_broker(step).await,
            kind => Err(misplaced(kind)),
        }
    }
}
