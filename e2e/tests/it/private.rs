//! Servers of a test's own, to kill and to empty. Absent: those that all tests share.

use e2e::Result;
use std::path::Path;
use testbed::{Postgres, RabbitMq};
use tokio::task::spawn_blocking;

pub fn dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

pub async fn postgres() -> Result<Postgres> {
    spawn_blocking(|| Postgres::start(dir())).await?
}

pub async fn rabbitmq() -> Result<RabbitMq> {
    spawn_blocking(|| RabbitMq::start(dir())).await?
}
