//! The rows of the matrix: each point with whose it is and what has to happen first so that work comes past it.
//! Absent: the actions; every row is struck by each of them.

use Whose::{Either, Orders, Payments};
use World::{Embedded, Kafka, Servers};

/// Where the shop lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum World {
    /// One process, SQLite, the broker in memory.
    Embedded,
    /// An instance of each service, PostgreSQL and RabbitMQ.
    Servers,
    /// The same on librdkafka's mock of a Kafka.
    Kafka,
}

/// Which service comes past a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Orders,
    Payments,
    /// Both do. On servers one of them is struck, on the one side of a boundary this and on the other that; of what comes first: the
    /// one that is struck.
    Either,
}

/// What has to happen so that work comes past a point.
#[derive(Clone, Copy, Debug)]
pub(super) enum First {
    /// Another fault.
    Fault(Whose, &'static str, &'static str),
    /// A message that nobody can read.
    Poison,
}

/// A point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub point: &'static str,
    pub whose: Whose,
    /// The actor that starts again when its work panics there; none when it is not an actor's work, or may be any actor's.
    pub actor: Option<&'static str>,
    pub first: Option<First>,
    /// Where it is struck, if not in all worlds: where the point is, or where it is quicker and nothing else would happen in the others.
    pub only: Option<World>,
}

impl Row {
    const fn of(point: &'static str, whose: Whose, actor: &'static str) -> Self {
        Self { actor: Some(actor), ..Self::of_nobody(point, whose) }
    }

    const fn of_nobody(point: &'static str, whose: Whose) -> Self {
        Self { point, whose, actor: None, first: None, only: None }
    }

    const fn after(self, first: First) -> Self {
        Self { first: Some(first), ..self }
    }

    const fn only(self, only: World) -> Self {
        Self { only: Some(only), ..self }
    }

    /// On Kafka, where each fault has a rebalance to wait for, only the points at which a broker is spoken to: all others are in the
    /// same code as on RabbitMQ, where they are struck.
    pub fn is_in(&self, world: World) -> bool {
        match self.only {
            Some(only) => only == world,
            None => world != Kafka || AT_THE_BROKER.iter().any(|seam| self.point.starts_with(seam)),
        }
    }
}

const AT_THE_BROKER: [&str; 3] = ["relay::", "consumer::", "pushing::"];

/// A message is set aside though it was handled.
const SET_ASIDE: First = First::Fault(Either, "consumer::after-handle", "1*return(error)");
/// A batch does not reach the broker.
const UNREACHED: First = First::Fault(Either, "relay::before-publish", "1*return(error)");
/// A delivery is dropped and goes back to the queue.
const DROPPED: First = First::Fault(Either, "consumer::before-acknowledge", "1*return(error)");
/// The consumer starts again, and its channel or its membership is done.
const AGAIN: First = First::Fault(Either, "consumer::before-acknowledge", "1*return(panic)");
/// Payments answers later than orders may wait, and than an answer to a cancel may take.
const SLOW: First = First::Fault(Payments, "ledger::before-commit", "1*return(delay 5000)");

/// All points. What takes some time to come right again stands first.
pub(super) const ROWS: &[Row] = &[
    Row::of_nobody("rabbitmq::before-dead-letter", Payments).after(First::Poison).only(Servers),
    Row::of_nobody("rabbitmq::after-dead-letter", Payments).after(First::Poison).only(Servers),
    Row::of("kafka::before-dead-letter", Payments, "burying").after(First::Poison).only(Kafka),
    Row::of("kafka::after-dead-letter", Payments, "burying").after(First::Poison).only(Kafka),
    Row::of("parking::before-save", Either, "inbox-consumer").after(SET_ASIDE),
    Row::of("parking::after-save", Either, "inbox-consumer").after(SET_ASIDE),
    Row::of("parking::before-retry", Either, "inbox-retry").after(SET_ASIDE).only(Embedded),
    Row::of("parking::after-retry", Either, "inbox-retry").after(SET_ASIDE).only(Embedded),
    Row::of("parking::before-record", Either, "inbox-retry").after(SET_ASIDE).only(Embedded),
    Row::of("parking::after-record", Either, "inbox-retry").after(SET_ASIDE).only(Embedded),
    Row::of("deadline::before-wish", Orders, "deadline").after(SLOW).only(Embedded),
    Row::of("deadline::after-wish", Orders, "deadline").after(SLOW).only(Embedded),
    Row::of("overdue::before-wish", Orders, "overdue").after(SLOW).only(Embedded),
    Row::of("overdue::after-wish", Orders, "overdue").after(SLOW).only(Embedded),
    Row::of("placing::before-commit", Orders, "placing"),
    Row::of("placing::after-commit", Orders, "placing"),
    Row::of("ledger::before-commit", Payments, "ledger"),
    Row::of("ledger::after-commit", Payments, "ledger"),
    Row::of("account::before-ledger", Payments, "account").only(Embedded),
    Row::of("account::after-ledger", Payments, "account").only(Embedded),
    Row::of("settling::before-commit", Orders, "settling"),
    Row::of("settling::after-commit", Orders, "settling"),
    Row::of("pushing::before-tell", Orders, "settling").only(Embedded),
    Row::of("pushing::before-announce", Orders, "settling"),
    Row::of("pushing::after-announce", Orders, "settling"),
    Row::of("relay::before-publish", Either, "outbox-relay"),
    Row::of("relay::after-publish", Either, "outbox-relay"),
    Row::of("rabbitmq::before-publish", Either, "outbox-relay").only(Servers),
    Row::of("rabbitmq::after-publish", Either, "outbox-relay").only(Servers),
    Row::of("rabbitmq::after-confirm", Either, "outbox-relay").only(Servers),
    Row::of("kafka::before-produce", Either, "outbox-relay").only(Kafka),
    Row::of("kafka::after-produce", Either, "outbox-relay").only(Kafka),
    Row::of("kafka::after-report", Either, "outbox-relay").only(Kafka),
    Row::of("outbox::before-delete", Either, "outbox-relay"),
    Row::of("outbox::after-delete", Either, "outbox-relay"),
    Row::of("outbox::before-release", Either, "outbox-relay").after(UNREACHED),
    Row::of("outbox::after-release", Either, "outbox-relay").after(UNREACHED),
    Row::of("outbox::before-claim", Either, "outbox-sweep").after(UNREACHED),
    Row::of("outbox::after-claim", Either, "outbox-sweep").after(UNREACHED),
    Row::of("consumer::before-handle", Either, "inbox-consumer"),
    Row::of("consumer::after-handle", Either, "inbox-consumer"),
    Row::of("consumer::before-acknowledge", Either, "inbox-consumer"),
    Row::of("consumer::after-acknowledge", Either, "inbox-consumer"),
    Row::of("rabbitmq::before-return", Either, "acknowledging").after(DROPPED).only(Servers),
    Row::of("rabbitmq::after-return", Either, "acknowledging").after(DROPPED).only(Servers),
    Row::of("rabbitmq::before-acknowledge", Either, "acknowledging").only(Servers),
    Row::of("rabbitmq::after-acknowledge", Either, "acknowledging").only(Servers),
    Row::of("rabbitmq::before-acknowledge-each", Either, "acknowledging").after(AGAIN).only(Servers),
    Row::of("rabbitmq::after-acknowledge-each", Either, "acknowledging").after(AGAIN).only(Servers),
    Row::of("kafka::before-commit", Either, "fetching").only(Kafka),
    Row::of("kafka::after-commit", Either, "fetching").only(Kafka),
    Row::of("kafka::before-last-commit", Either, "fetching").after(AGAIN).only(Kafka),
    Row::of("kafka::after-last-commit", Either, "fetching").after(AGAIN).only(Kafka),
    Row::of("inbox::before-clean", Either, "housekeeping").only(Embedded),
    Row::of("inbox::after-clean", Either, "housekeeping").only(Embedded),
    Row::of_nobody("store::before-commit", Either).only(Embedded),
    Row::of_nobody("store::after-commit", Either).only(Embedded),
];
