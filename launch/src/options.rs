//! The options that every process has, each also an environment variable in capitals.
//! Absent: options of one program only (its own config.rs has them).

use clap::{
    Args, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};
use saga::Currency;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// How to write the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line, for machines.
    Json,
}

/// What the shop is like, and how its log is written: the same for the services and the embedded shop.
#[derive(Args, Clone, Debug)]
pub struct ShopOptions {
    /// Currency of all amounts: an ISO 4217 code with two decimals; the first start writes it into the database
    #[arg(long, env, default_value = "RUB", value_name = "CODE", value_parser = Currency::for_a_shop)]
    pub currency: Currency,
    /// How long the inbox remembers which messages were handled, in days
    #[arg(long, env, default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub inbox_retention_days: u32,
    /// How long an order may wait for its payment, in seconds
    #[arg(long, env, default_value_t = 900, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=31_536_000))]
    pub pay_within_seconds: u32,
    /// Origins besides the shop's own whose pages may open a WebSocket, such as https://shop.example
    #[arg(long, env, value_delimiter = ',', value_name = "ORIGIN")]
    pub allowed_origins: Vec<String>,
    /// Most WebSockets on this instance
    #[arg(long, env, default_value_t = 20_000, value_name = "N")]
    pub max_sockets: usize,
    /// Most WebSockets of one user on this instance
    #[arg(long, env, default_value_t = 100, value_name = "N")]
    pub max_sockets_per_user: usize,
    /// How long a WebSocket lives, give or take a tenth; a client then connects again, and is asked again who it is
    #[arg(long, env, default_value = "1h", value_name = "TIME", value_parser = socket_age)]
    pub socket_age: Duration,
    /// Threads that answer HTTP requests
    #[arg(long, env, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub http_workers: u16,
    /// Export traces by OTLP over HTTP to the receiver with this base URL, such as http://localhost:4318
    #[arg(long, env, value_name = "URL")]
    pub otel_exporter_otlp_endpoint: Option<String>,
    /// Share of the traces begun here that are recorded, 0 to 1; one that a client has begun is recorded if the client says so
    #[arg(long, env, default_value_t = 1.0, value_name = "RATIO", value_parser = ratio)]
    pub otel_traces_sampler_arg: f64,
    /// How to write the log
    #[arg(long, env, value_enum, default_value = "human")]
    pub log_format: LogFormat,
    /// What to log: a level, or a filter such as "info,messaging=debug"
    #[arg(long, env, default_value = "info", value_name = "FILTER")]
    pub log: String,
}

impl ShopOptions {
    /// How long the inbox remembers.
    pub fn inbox_retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.inbox_retention_days) * 24 * 3600)
    }

    /// How long an order may wait for its payment.
    pub fn pay_within(&self) -> Duration {
        Duration::from_secs(u64::from(self.pay_within_seconds))
    }
}

/// At least a second, so that a client gets something to see; at most a week, which is as good as for ever.
fn socket_age(text: &str) -> Result<Duration, String> {
    let units = [("h", 3600), ("m", 60), ("s", 1), ("", 1)];
    let whole = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*seconds)
    });
    let age = whole.filter(|seconds| (1..=7 * 24 * 3600).contains(seconds));
    age.map(Duration::from_secs)
        .ok_or_else(|| "must be seconds, or a number with s, m or h, from 1s to 168h".to_owned())
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

/// What a service by itself needs to know: where to listen, its database, the broker.
#[derive(Args, Clone, Debug)]
pub struct ServiceOptions {
    /// Address to listen on
    #[arg(long, env, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Database: postgres://user:password@host:port/database or sqlite:///path/to/file.db
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    pub database_url: String,
    /// File with the database password, for a URL without one
    #[arg(long, env, value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,
    /// Most connections to PostgreSQL
    #[arg(long, env, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub database_connections: u32,
    /// Broker: amqp://user:password@host:port/vhost or, if built with it, kafka://host:port,host:port
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    pub broker_url: String,
    /// File with the broker's password, for a URL without one
    #[arg(long, env, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub broker_password_file: Option<PathBuf>,
    /// Put before the name of every exchange, queue, topic and group, so that several shops can share a broker
    #[arg(long, env, default_value = "", value_name = "TEXT")]
    pub broker_prefix: String,
    /// Partitions of a Kafka topic that is not there yet and is made: at least as many as there will be instances of a service
    #[arg(long, env, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub kafka_partitions: i32,
    /// Copies of each partition of a Kafka topic that is made: 3 where there are three servers or more
    #[arg(long, env, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100))]
    pub kafka_replication: i32,
    /// Everything else
    #[command(flatten)]
    pub shop: ShopOptions,
}
