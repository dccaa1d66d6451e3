//! The broker under the shop, whichever it is: how the shop reaches it, how a stranger speaks to it, and how it is made to fail.
//! Absent: when that happens (plan, inject).

#[cfg(feature = "kafka")]
mod kafka;
mod rabbitmq;

use crate::{plan::Transport, poison::Letters};
use anyhow::Result;
use async_trait::async_trait;
use e2e::broker::Message;
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use testbed::Proxy;
use tokio::task::block_in_place;

/// One attempt to reach a broker, or to say one message.
pub const ATTEMPT: Duration = Duration::from_secs(5);

/// Told the routing key and the body of everything that is said.
pub type Ear<'a> = &'a (dyn Fn(String, Vec<u8>) + Send + Sync);

/// The network before a server.
pub trait Way: Send + Sync {
    /// While `true`, connections are cut and none is taken.
    ///
    /// # Errors
    /// When the port cannot be had again.
    fn cut(&self, cut: bool) -> Result<()>;

    /// While `true`, connections stay open and nothing moves.
    ///
    /// # Errors
    /// When the network is gone.
    fn stall(&self, stalled: bool) -> Result<()>;

    /// Everything waits this long, both ways.
    ///
    /// # Errors
    /// When the network is gone.
    fn delay(&self, delay: Duration) -> Result<()>;
}

impl Way for Proxy {
    fn cut(&self, cut: bool) -> Result<()> {
        block_in_place(|| self.refuse(cut))?;
        if cut {
            Self::cut(self);
        }
        Ok(())
    }

    fn stall(&self, stalled: bool) -> Result<()> {
        Self::stall(self, stalled);
        Ok(())
    }

    fn delay(&self, delay: Duration) -> Result<()> {
        Self::delay(self, delay);
        Ok(())
    }
}

/// A broker of the run's own.
#[async_trait]
pub trait Broker: Send + Sync {
    /// By which the shop reaches it, through the network that faults strike.
    fn url(&self) -> String;

    /// Put before the shop's names.
    fn prefix(&self) -> &str;

    /// That network.
    fn way(&self) -> &dyn Way;

    /// Connects as somebody who has nothing to do with the shop.
    ///
    /// # Errors
    /// When it does not answer.
    async fn visit(&self) -> Result<Box<dyn Visitor>>;

    /// Listens in on what is said about payments, from now on, until the connection breaks.
    ///
    /// # Errors
    /// Always: that it broke.
    async fn listen(&self, ear: Ear<'_>) -> Result<()>;

    /// Takes all dead letters that have not been taken yet, and tells the account of them.
    ///
    /// # Errors
    /// When the broker does not answer, or has no such queue.
    async fn collect(&self, letters: &Mutex<Letters>) -> Result<()>;

    /// Is gone at once.
    ///
    /// # Errors
    /// When it does not go.
    async fn kill(&self) -> Result<()>;

    /// Is back after that.
    ///
    /// # Errors
    /// When it does not start.
    fn start_again(&self) -> Result<()>;

    /// Loses all its data, after it was killed.
    ///
    /// # Errors
    /// When it cannot.
    fn wipe(&self) -> Result<()>;

    /// Waits until the services have declared again what was lost.
    ///
    /// # Errors
    /// When that takes too long.
    async fn declared(&self) -> Result<()>;

    /// Whatever a failure has left undone.
    ///
    /// # Errors
    /// When it does not start.
    fn heal(&self) -> Result<()>;
}

/// Starts one; a RabbitMQ has its files below this directory.
///
/// # Errors
/// When it does not start, or this build has none.
pub async fn start(transport: Transport, dir: &Path) -> Result<Arc<dyn Broker>> {
    Ok(match transport {
        Transport::RabbitMq => Arc::new(rabbitmq::RabbitMq::start(dir).await?),
        #[cfg(feature = "kafka")]
        Transport::Kafka => Arc::new(kafka::Kafka::start().await?),
        #[cfg(not(feature = "kafka"))]
        Transport::Kafka => anyhow::bail!("this build has no Kafka; build it with the feature `kafka`"),
    })
}

/// A stranger's connection.
#[async_trait]
pub trait Visitor: Send + Sync {
    /// Says a message as the services say theirs, and comes back when the broker has it.
    ///
    /// # Errors
    /// When it is not known to have it.
    async fn say(&self, message: &Message) -> Result<()>;

    /// Puts bytes into this queue and no other, and comes back when they are there.
    ///
    /// # Errors
    /// When they are not known to be.
    async fn put(&self, queue: &str, body: &[u8]) -> Result<()>;

    /// Says goodbye.
    async fn leave(self: Box<Self>);
}

/// What a panic has poisoned is as good as before: every change is a single one.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
