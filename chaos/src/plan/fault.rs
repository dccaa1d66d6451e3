//! The faults that there are, in the words of the guarantees, and how long each lasts.
//! Absent: doing them (inject).

use crate::dice::Dice;
use serde::Serialize;
use std::{fmt, ops::Range};

/// Instances that run when nothing is wrong.
pub const INSTANCES: usize = 2;
/// The longest factor by which a fault of a long run is longer than one of a minute's.
const LONGEST: u64 = 6;

/// From so many seconds on a run has room for a zombie of minutes.
pub(super) const LONG_RUN: u64 = 300;
/// Milliseconds after which everybody else has given a zombie up: leases (15 s), retries (60 s), the broker's heartbeat.
const MINUTES: Range<u64> = 90_000..150_000;

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// orders-svc
    Orders,
    /// payments-svc
    Payments,
}

/// What carries messages between the services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A RabbitMQ of the run's own.
    #[default]
    #[value(name = "rabbitmq")]
    RabbitMq,
    /// librdkafka's mock of a Kafka, in the run's own process.
    Kafka,
}

impl Transport {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RabbitMq => "RabbitMQ",
            Self::Kafka => "Kafka",
        }
    }

    /// What cannot be done to it: a mock keeps its messages for as long as it lives.
    pub const fn cannot(self) -> &'static [Kind] {
        match self {
            Self::RabbitMq => &[],
            Self::Kafka => &[Kind::BrokerEmptied],
        }
    }
}

/// A server, and the network before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// PostgreSQL with both databases.
    Postgres,
    /// The broker.
    #[serde(untagged)]
    Broker(Transport),
}

/// One of the instances that should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Instance {
    /// Of which service.
    pub service: Service,
    /// Which.
    pub number: usize,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "`as_str` says what each one is")]
pub enum Kind {
    Kill,
    Zombie,
    Restart,
    Joined,
    Left,
    Panic,
    PostgresKilled,
    BrokerKilled,
    BrokerAway,
    BrokerEmptied,
    Cut,
    Stalled,
    Slowed,
    Twice,
    OtherId,
    Late,
    Opposite,
    Poison,
}

impl Kind {
    /// What happens to instances. The last one only in builds with failpoints.
    pub const OF_PROCESSES: [Self; 6] =
        [Self::Kill, Self::Zombie, Self::Restart, Self::Joined, Self::Left, Self::Panic];
    /// What happens to servers.
    pub const OF_SERVERS: [Self; 4] = [Self::PostgresKilled, Self::BrokerKilled, Self::BrokerAway, Self::BrokerEmptied];
    /// What happens on the way to them, once for each server.
    pub const OF_NETWORK: [Self; 3] = [Self::Cut, Self::Stalled, Self::Slowed];
    /// What happens to messages.
    pub const OF_MESSAGES: [Self; 5] = [Self::Twice, Self::OtherId, Self::Late, Self::Opposite, Self::Poison];

    /// In the words of the guarantees.
    pub const fn as_str(self, transport: Transport) -> &'static str {
        match (self, transport) {
            (Self::Kill, _) => "kill -9 of an instance",
            (Self::Zombie, _) => "zombie instance (SIGSTOP, SIGCONT)",
            (Self::Restart, _) => "SIGTERM and restart of an instance",
            (Self::Joined, _) => "instance added under traffic",
            (Self::Left, _) => "instance removed under traffic",
            (Self::Panic, _) => "panic in an actor",
            (Self::PostgresKilled, _) => "kill -9 and restart of PostgreSQL",
            (Self::BrokerKilled, Transport::RabbitMq) => "kill -9 and restart of RabbitMQ",
            (Self::BrokerKilled, Transport::Kafka) => "Kafka down and up again",
            (Self::BrokerAway, Transport::RabbitMq) => "RabbitMQ away for long",
            (Self::BrokerAway, Transport::Kafka) => "Kafka away for long",
            (Self::BrokerEmptied, Transport::RabbitMq) => "RabbitMQ back empty",
            (Self::BrokerEmptied, Transport::Kafka) => "Kafka back empty",
            (Self::Cut, _) => "connections cut",
            (Self::Stalled, _) => "connections stalled (half-open)",
            (Self::Slowed, _) => "connections slowed",
            (Self::Twice, _) => "messages twice",
            (Self::OtherId, _) => "messages again under another id",
            (Self::Late, _) => "messages again, late and reordered",
            (Self::Opposite, _) => "results with the opposite verdict",
            (Self::Poison, _) => "poison",
        }
    }

    /// How long it lasts in milliseconds, in a run of so many seconds. The first zombie of a long one lasts for minutes.
    pub(super) fn lasts(self, seconds: u64, is_first: bool) -> Range<u64> {
        let long = (seconds / 60).clamp(1, LONGEST);
        match self {
            Self::Kill => 300..3_000,
            Self::Zombie if is_first && seconds >= LONG_RUN => MINUTES,
            Self::Zombie => 2_000..8_000 * long,
            Self::Joined | Self::Left => 2_000..8_000,
            Self::Panic => 3_000..6_000,
            Self::PostgresKilled | Self::BrokerKilled | Self::BrokerEmptied => 0..2_000,
            Self::BrokerAway => 5_000 * long..8_000 + 15_000 * (long - 1),
            Self::Cut => 0..1_500,
            Self::Stalled | Self::Slowed => 1_000..6_000 * long,
            Self::Restart | Self::Twice | Self::OtherId | Self::Late | Self::Opposite | Self::Poison => 0..1,
        }
    }

    /// What doing and undoing it takes by itself, and a little peace: a server has to start again. In milliseconds.
    pub(super) const fn rest(self) -> u64 {
        match self {
            Self::PostgresKilled => 3_000,
            Self::BrokerKilled | Self::BrokerAway | Self::BrokerEmptied => 8_000,
            Self::Joined | Self::Restart | Self::Panic => 1_500,
            Self::Kill | Self::Zombie | Self::Left | Self::Cut | Self::Stalled | Self::Slowed => 700,
            Self::Twice | Self::OtherId | Self::Late | Self::Opposite | Self::Poison => 300,
        }
    }

    /// Whom it strikes.
    pub(super) fn strikes(self, transport: Transport, dice: &mut Dice) -> Target {
        let service = *dice.pick(&[Service::Orders, Service::Payments]);
        match self {
            Self::Kill | Self::Zombie | Self::Restart | Self::Left => {
                Target::Instance(Instance { service, number: dice.index(INSTANCES) })
            }
            Self::Panic => {
                let instance = Instance { service, number: dice.index(INSTANCES) };
                let point: &&str = dice.pick(points(service));
                Target::Point(instance, point)
            }
            Self::Joined => Target::Service(service),
            Self::PostgresKilled => Target::Server(Server::Postgres),
            Self::BrokerKilled | Self::BrokerAway | Self::BrokerEmptied => Target::Server(Server::Broker(transport)),
            Self::Cut | Self::Stalled | Self::Slowed => {
                Target::Server(*dice.pick(&[Server::Postgres, Server::Broker(transport)]))
            }
            Self::Twice | Self::OtherId | Self::Late | Self::Opposite | Self::Poison => Target::Messages,
        }
    }
}

/// Where an actor can be made to panic: one point at least in each actor on the way of an order.
const fn points(service: Service) -> &'static [&'static str] {
    match service {
        Service::Orders => &[
            "placing::before-commit",
            "placing::after-commit",
            "settling::before-commit",
            "settling::after-commit",
            "relay::before-publish",
            "relay::after-publish",
            "outbox::after-delete",
            "consumer::before-acknowledge",
        ],
        Service::Payments => &[
            "account::before-ledger",
            "ledger::before-commit",
            "ledger::after-commit",
            "relay::before-publish",
            "relay::after-publish",
            "outbox::after-delete",
            "consumer::before-acknowledge",
            "consumer::after-acknowledge",
        ],
    }
}

/// Whom a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// An instance.
    Instance(Instance),
    /// An instance, at a failpoint.
    Point(Instance, &'static str),
    /// A service as a whole.
    Service(Service),
    /// A server, or the way to it.
    Server(Server),
    /// What was said lately.
    Messages,
}

impl Service {
    /// Its program.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders-svc",
            Self::Payments => "payments-svc",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(Instance { service, number }) => write!(f, "{}-{number}", service.as_str()),
            Self::Point(Instance { service, number }, point) => write!(f, "{}-{number} at {point}", service.as_str()),
            Self::Service(service) => write!(f, "{}-{INSTANCES}", service.as_str()),
            Self::Server(Server::Postgres) => f.write_str("PostgreSQL"),
            Self::Server(Server::Broker(transport)) => f.write_str(transport.as_str()),
            Self::Messages => f.write_str("both queues"),
        }
    }
}
