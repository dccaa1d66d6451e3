//! Real servers for tests: a private PostgreSQL and RabbitMQ that can be killed, and a faulty network in front of them.
//!
//! Absent on purpose: async, database and broker clients, containers, and any knowledge of Gozon. Everything here
//! blocks and needs nothing but the standard library, because `xtask` compiles it before it can do anything at all.
//!
//! | a test wants | it uses |
//! | --- | --- |
//! | a server, any server, shared with the other tests | [`postgres_url`], [`amqp_url`], set by `cargo xtask test` |
//! | a server of its own, to kill, freeze, empty | [`Postgres::start`], [`RabbitMq::start`] |
//! | a server for its pages and routes | [`Nginx::start`] |
//! | to see metrics as an operator does | [`Prometheus::start`], [`promtool`] |
//! | a bad network between its code and a server | [`Proxy::start`] |
//! | a disk that is full or read-only | [`Volume::mount`] |
//! | files that nobody may write any more | [`Locked::lock`] |
//! | a place for a run's files, in memory if there is room | [`Scratch::in_memory_or`] |
//! | a program that has no file or socket of the test's | [`bare`] |
//! | to know which part of something exhaustive to run | [`is_in_sample`], [`is_exhaustive`] |
//! | to wait for something without a sleep | [`wait_until`] |
//!
//! Whatever is started here ends with its owner: by `Drop`, and by a leash (a tiny shell process that notices the
//! owner's death) when the owner is killed or interrupted and `Drop` never runs.
#![expect(clippy::print_stderr, reason = "a server that cannot be ended is reported from Drop, which returns nothing")]

mod bare;
mod daemon;
mod install;
mod leash;
mod locked;
mod nginx;
mod not_run;
mod place;
mod postgres;
mod programs;
mod prometheus;
mod proxy;
mod rabbitmq;
mod sample;
mod scratch;
mod servers;
mod signals;
mod volume;
mod wait;

pub use bare::bare;
pub use install::{Server, ensure_installed};
pub use locked::Locked;
pub use nginx::Nginx;
pub use not_run::NOT_RUN;
pub(crate) use not_run::not_run;
pub use place::free_address;
pub use postgres::Postgres;
pub use programs::pgbench;
pub use prometheus::{Prometheus, promtool};
pub use proxy::{Proxy, address_of};
pub use rabbitmq::RabbitMq;
pub use sample::{EXHAUSTIVE_VARIABLE, SEED_VARIABLE, is_exhaustive, is_in_sample, seed};
pub use scratch::Scratch;
pub use servers::{AMQP_VARIABLE, KAFKA_VARIABLE, POSTGRES_VARIABLE, Servers, amqp_url, kafka_servers, postgres_url};
pub use volume::Volume;
pub use wait::wait_until;
