//! A private RabbitMQ behind a proxy; strangers go past the proxy.
//! Absent: AMQP; e2e's plain client speaks it.

use super::{ATTEMPT, Broker, Ear, Visitor, Way, lock};
use crate::poison::{Letters, ROUTES};
use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use e2e::broker::{self, Message, QUEUES, Topology};
use std::{
    net::TcpStream,
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};
use testbed::Proxy;
use tokio::{
    task::{block_in_place, spawn_blocking},
    time::{sleep, timeout},
};
use uuid::Uuid;

/// RabbitMQ 3.10 registers a new quorum queue in a file that it writes two seconds late. A queue younger than that does not
/// survive a kill, which is the broker's defect and not what is tested here.
const SAFE_AGE: Duration = Duration::from_secs(4);
/// The services declare their queues the moment they are connected again, which a network that stalls may put off.
const DECLARED_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// RabbitMQ.
pub struct RabbitMq {
    proxy: Proxy,
    prefix: String,
    /// The way past the proxy.
    topology: Topology,
    server: Mutex<testbed::RabbitMq>,
    /// Since when its queues are there.
    declared: Mutex<Instant>,
}

impl RabbitMq {
    /// Starts one below this directory.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(dir: &Path) -> Result<Self> {
        let dir = dir.to_owned();
        let server = spawn_blocking(move || testbed::RabbitMq::start(&dir)).await??;
        let prefix = format!("chaos-{}.", Uuid::new_v4().simple());
        let (proxy, topology) = (Proxy::start(server.address())?, Topology::new(&server.url(), &prefix));
        Ok(Self { proxy, prefix, topology, server: Mutex::new(server), declared: Mutex::new(Instant::now()) })
    }

    async fn visitor(&self) -> Result<broker::Visitor> {
        timeout(ATTEMPT, self.topology.visit()).await.context("the broker does not answer")?
    }

    async fn all_there(&self) -> bool {
        for queue in QUEUES {
            // A queue that is not there ends the channel, so each is asked for anew.
            let Ok(visitor) = self.topology.visit().await else { return false };
            let there = visitor.depth(queue).await.is_ok();
            drop(visitor.leave().await);
            if !there {
                return false;
            }
        }
        true
    }
}

#[async_trait]
impl Broker for RabbitMq {
    fn url(&self) -> String {
        self.proxy.url(&lock(&self.server).url())
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn way(&self) -> &dyn Way {
        &self.proxy
    }

    async fn visit(&self) -> Result<Box<dyn Visitor>> {
        Ok(Box::new(self.visitor().await?))
    }

    async fn listen(&self, ear: Ear<'_>) -> Result<()> {
        let visitor = self.visitor().await?;
        let mut tap = visitor.tap().await?;
        loop {
            let (routing_key, body) = tap.hear().await?;
            ear(routing_key, body);
        }
    }

    async fn collect(&self, letters: &Mutex<Letters>) -> Result<()> {
        let visitor = self.visitor().await?;
        for (queue, _) in ROUTES {
            while let Some(body) = timeout(ATTEMPT, visitor.take_bytes(&format!("{queue}.dead"))).await?? {
                lock(letters).found(queue, &body);
            }
        }
        drop(timeout(ATTEMPT, visitor.leave()).await);
        Ok(())
    }

    async fn kill(&self) -> Result<()> {
        let age = lock(&self.declared).elapsed();
        sleep(SAFE_AGE.saturating_sub(age)).await;
        block_in_place(|| lock(&self.server).kill_9())
    }

    fn start_again(&self) -> Result<()> {
        block_in_place(|| lock(&self.server).start_again())
    }

    fn wipe(&self) -> Result<()> {
        block_in_place(|| lock(&self.server).wipe())
    }

    async fn declared(&self) -> Result<()> {
        let deadline = Instant::now() + DECLARED_WITHIN;
        while !self.all_there().await {
            ensure!(Instant::now() < deadline, "nobody has declared the queues for {DECLARED_WITHIN:?}");
            sleep(LOOK_AGAIN).await;
        }
        *lock(&self.declared) = Instant::now();
        Ok(())
    }

    fn heal(&self) -> Result<()> {
        let address = lock(&self.server).address();
        if block_in_place(|| TcpStream::connect(address)).is_ok() { Ok(()) } else { self.start_again() }
    }
}

#[async_trait]
impl Visitor for broker::Visitor {
    async fn say(&self, message: &Message) -> Result<()> {
        timeout(ATTEMPT, Self::say(self, message)).await?
    }

    async fn put(&self, queue: &str, body: &[u8]) -> Result<()> {
        timeout(ATTEMPT, Self::put(self, queue, body)).await?
    }

    async fn leave(self: Box<Self>) {
        drop(timeout(ATTEMPT, Self::leave(*self)).await);
    }
}
