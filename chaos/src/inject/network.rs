//! Faults of the network between the services and their servers.
//! Absent: the network between clients and the services; a client that cuts its connection is a watcher's whim.

use super::{Strike, lasts, misplaced};
use crate::{
    broker::{Broker, Way},
    plan::{Kind, Server, Step, Target},
};
use anyhow::{Result, bail};
use std::{sync::Arc, time::Duration};
use testbed::Proxy;

/// Each piece waits that long, both ways: a network across a continent.
const SLOW: Duration = Duration::from_millis(40);

/// The lane of the network.
pub struct Network {
    /// Before PostgreSQL.
    pub postgres: Proxy,
    /// The broker, which knows the network before it.
    pub broker: Arc<dyn Broker>,
}

impl Network {
    /// Everything passes again.
    ///
    /// # Errors
    /// When a port cannot be had again.
    pub fn heal(&self) -> Result<()> {
        let ways: [&dyn Way; 2] = [&self.postgres, self.broker.way()];
        for way in ways {
            way.stall(false)?;
            way.delay(Duration::ZERO)?;
            way.cut(false)?;
        }
        Ok(())
    }
}

impl Strike for Network {
    async fn strike(&mut self, step: &Step) -> Result<()> {
        let way: &dyn Way = match step.target {
            Target::Server(Server::Postgres) => &self.postgres,
            Target::Server(Server::Broker(_)) => self.broker.way(),
            target => bail!("{target} is no server"),
        };
        match step.kind {
            Kind::Cut => {
                way.cut(true)?;
                lasts(step).await;
                way.cut(false)
            }
            Kind::Stalled => {
                way.stall(true)?;
                lasts(step).await;
                way.stall(false)
            }
            Kind::Slowed => {
                way.delay(SLOW)?;
                lasts(step).await;
                way.delay(Duration::ZERO)
            }
            kind => Err(misplaced(kind)),
        }
    }
}
