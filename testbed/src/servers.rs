//! The servers that all tests of a run share, and the two environment variables through which the tests find them.
//!
//! Not here: databases and queues of a test's own, by which tests that share a server stay out of each other's way.

use std::{
    path::Path,
    thread::{self, ScopedJoinHandle},
};

use anyhow::{Result, anyhow};

use crate::{Postgres, RabbitMq};

/// `postgres://` address of a server where tests may create databases: its user may, its path names an existing one.
pub const POSTGRES_VARIABLE: &str = "TEST_POSTGRES_URL";
/// `amqp://` address of a broker where tests may declare queues.
pub const AMQP_VARIABLE: &str = "TEST_AMQP_URL";

/// `kafka://` address of a Kafka where tests may make topics. Without it they use librdkafka's mock cluster.
pub const KAFKA_VARIABLE: &str = "TEST_KAFKA_URL";

/// One PostgreSQL and one RabbitMQ: those the environment names, else private ones that end with this value.
pub struct Servers {
    postgres_url: String,
    amqp_url: String,
    _postgres: Option<Postgres>,
    _rabbitmq: Option<RabbitMq>,
}

impl Servers {
    /// Starts, side by side and below `dir`, each server that its variable does not name.
    ///
    /// # Errors
    /// When one does not start; the other is ended.
    pub fn up(dir: &Path) -> Result<Servers> {
        let (postgres, rabbitmq) = thread::scope(|threads| {
            let postgres = threads.spawn(|| given_or(POSTGRES_VARIABLE, || Postgres::start(dir), Postgres::admin_url));
            let rabbitmq = threads.spawn(|| given_or(AMQP_VARIABLE, || RabbitMq::start(dir), RabbitMq::url));
            (outcome(postgres), outcome(rabbitmq))
        });
        let ((postgres_url, _postgres), (amqp_url, _rabbitmq)) = (postgres?, rabbitmq?);
        Ok(Servers { postgres_url, amqp_url, _postgres, _rabbitmq })
    }

    /// `postgres://` address of a database that exists, to create others from.
    #[must_use]
    pub fn postgres_url(&self) -> &str {
        &self.postgres_url
    }

    /// `amqp://` address of the broker.
    #[must_use]
    pub fn amqp_url(&self) -> &str {
        &self.amqp_url
    }

    /// The variables that tell test programs where the servers are, with their values.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, &str); 2] {
        [(POSTGRES_VARIABLE, &self.postgres_url), (AMQP_VARIABLE, &self.amqp_url)]
    }
}

/// The PostgreSQL of this test run: `postgres://` address of a database that exists, to create others from.
///
/// # Panics
/// When the tests do not run through `cargo xtask test` and `TEST_POSTGRES_URL` is not set.
#[must_use]
pub fn postgres_url() -> String {
    required(POSTGRES_VARIABLE)
}

/// The RabbitMQ of this test run.
///
/// # Panics
/// When the tests do not run through `cargo xtask test` and `TEST_AMQP_URL` is not set.
#[must_use]
pub fn amqp_url() -> String {
    required(AMQP_VARIABLE)
}

/// The servers of the Kafka that tests may use, as `host:port,host:port`, if there is one.
#[must_use]
pub fn kafka_servers() -> Option<String> {
    let url = given(KAFKA_VARIABLE)?;
    Some(url.strip_prefix("kafka://").unwrap_or(&url).trim_end_matches('/').to_owned())
}

fn required(variable: &str) -> String {
    given(variable).unwrap_or_else(|| panic!("{variable} is not set: run this test through `cargo xtask test`"))
}

/// The variable's value; a variable that is set to nothing is not set.
#[expect(clippy::disallowed_methods, reason = "the one place where tests and xtask learn of servers given to them")]
pub(crate) fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

type Found<Private> = Result<(String, Option<Private>)>;

fn given_or<Private>(
    variable: &str,
    start: impl FnOnce() -> Result<Private>,
    url: impl FnOnce(&Private) -> String,
) -> Found<Private> {
    match given(variable) {
        Some(given) => Ok((given, None)),
        None => start().map(|private| (url(&private), Some(private))),
    }
}

fn outcome<Private>(starting: ScopedJoinHandle<'_, Found<Private>>) -> Found<Private> {
    starting.join().unwrap_or_else(|_| Err(anyhow!("starting a server panicked")))
}
