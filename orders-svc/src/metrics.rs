//! What the orders service counts: how orders end and how long that takes.
//! Absent: the actors' vitals, the messaging and HTTP metrics, and the endpoint.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use saga::order::State;
use std::time::Duration;

/// From a millisecond, which an idle shop takes, to the quarter of an hour of the payment deadline. Seconds.
const TIME_TO_FINAL: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ending {
    status: &'static str,
    reason: &'static str,
}

/// The counters. A cheap clone.
#[derive(Clone, Debug)]
pub struct OrderMetrics {
    ended: Family<Ending, Counter>,
    time_to_final: Histogram,
    contradictions: Counter,
    oldest_new: Gauge,
}

impl OrderMetrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            ended: Family::default(),
            time_to_final: Histogram::new(TIME_TO_FINAL),
            contradictions: Counter::default(),
            oldest_new: Gauge::default(),
        };
        registry.register("orders_final", "Orders that became final, by status and reason", metrics.ended.clone());
        let help = "Time from placing an order to its final status";
        registry.register_with_unit("order_time_to_final", help, Unit::Seconds, metrics.time_to_final.clone());
        let help = "Answers of payments that contradict a final order";
        registry.register("payment_contradictions", help, metrics.contradictions.clone());
        let help = "Age of the oldest order that is NEW, 0 while none is older than a minute";
        registry.register_with_unit("oldest_new_age", help, Unit::Seconds, metrics.oldest_new.clone());
        metrics
    }

    pub(crate) fn became_final(&self, state: State, after: Duration) {
        let ending = Ending { status: state.status().as_str(), reason: state.reason().unwrap_or("") };
        self.ended.get_or_create(&ending).inc();
        self.time_to_final.observe(after.as_secs_f64());
    }

    pub(crate) fn contradicted(&self) {
        self.contradictions.inc();
    }

    pub(crate) fn oldest_new(&self, age: Duration) {
        self.oldest_new.set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    }
}

/// What is counted about pushing. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct PushMetrics {
    sockets: Gauge,
    pushed: Counter,
    slow: Counter,
}

impl PushMetrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("push_sockets", "WebSockets that are open", metrics.sockets.clone());
        registry.register("pushes", "Updates passed to sockets", metrics.pushed.clone());
        registry.register("push_slow_closed", "Sockets closed because their reader was too slow", metrics.slow.clone());
        metrics
    }

    pub(crate) fn sockets(&self, open: usize) {
        self.sockets.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    pub(crate) fn pushed(&self) {
        self.pushed.inc();
    }

    pub(crate) fn slow(&self) {
        self.slow.inc();
    }
}
