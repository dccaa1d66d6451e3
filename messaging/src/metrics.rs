//! What the machinery tells the metrics of its service. Absent: the endpoint that shows them, and the actors' own vitals.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// A label for what a message came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ParkedState {
    state: &'static str,
}

/// One message that is counted as in hand, however its handling ends.
#[derive(Debug)]
pub(crate) struct InHand(Gauge);

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The counters of one service's outbox, inbox and parking. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    published: Family<Outcome, Counter>,
    consumed: Family<Outcome, Counter>,
    in_hand: Gauge,
    parked: Family<ParkedState, Gauge>,
    /// Rows in the outbox.
    pub outbox_depth: Gauge,
    /// Whole seconds since the oldest row of the outbox was written.
    pub outbox_age: Gauge,
    /// 1 while the broker can be reached.
    pub broker_reachable: Gauge,
    /// 1 while the database answers and takes writes.
    pub database_reachable: Gauge,
}

impl Metrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("outbox_published", "Publications of outbox rows, by outcome", metrics.published.clone());
        registry.register("outbox_depth", "Rows in the outbox", metrics.outbox_depth.clone());
        registry.register_with_unit(
            "outbox_oldest_age",
            "Age of the oldest row in the outbox",
            Unit::Seconds,
            metrics.outbox_age.clone(),
        );
        registry.register("inbox_messages", "Messages received, by outcome", metrics.consumed.clone());
        registry.register("inbox_in_hand", "Messages received and not settled yet", metrics.in_hand.clone());
        registry.register("parked_messages", "Messages set aside, by state", metrics.parked.clone());
        registry.register("broker_reachable", "1 while the broker can be reached", metrics.broker_reachable.clone());
        let help = "1 while the database answers and takes writes; else the other measurements are old";
        registry.register("database_reachable", help, metrics.database_reachable.clone());
        metrics
    }

    /// Counts publications of outbox rows, those that were confirmed and those that were not.
    pub fn published(&self, confirmed: usize, unconfirmed: usize) {
        let count = |outcome, number: usize| {
            self.published.get_or_create(&Outcome { outcome }).inc_by(u64::try_from(number).unwrap_or(u64::MAX));
        };
        count("confirmed", confirmed);
        count("unconfirmed", unconfirmed);
    }

    /// Rows that were confirmed and deleted, since the start.
    pub fn confirmed(&self) -> u64 {
        self.published.get_or_create(&Outcome { outcome: "confirmed" }).get()
    }

    pub(crate) fn consumed(&self, outcome: &'static str) {
        self.consumed.get_or_create(&Outcome { outcome }).inc();
    }

    /// A message was received, and is in hand until this is dropped.
    pub(crate) fn received(&self) -> InHand {
        self.in_hand.inc();
        InHand(self.in_hand.clone())
    }

    /// Messages received and not settled yet.
    pub fn in_hand(&self) -> i64 {
        self.in_hand.get()
    }

    /// Sets the number of messages set aside in a state.
    pub fn parked(&self, state: crate::parking::State, messages: i64) {
        self.parked.get_or_create(&ParkedState { state: state.as_str() }).set(messages);
    }
}
