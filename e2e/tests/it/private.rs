//! Servers of a test's own, to kill and to empty. Absent: those that all tests share.

use e2e::Result;
use std::path::PathBuf;
use testbed::{Postgres, RabbitMq};
use tokio::task::spawn_blocking;

/// Where this run of the tests has its files.
pub fn dir() -> PathBuf {
    std::env::temp_dir()
}

pub async fn postgres() -> Result<Postgres> {
    spawn_blocking(|| Postgres::start(&dir())).await?
}

pub async fn rabbitmq() -> Result<RabbitMq> {
    spawn_blocking(|| RabbitMq::start(&dir())).await?
}
