//! What the actors tell the metrics: restarts and batch sizes, by the actor's name.
//! Absent: the endpoint that shows them.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// Upper bounds of the batch size histogram: from "alone" to more than any batch may hold.
const BATCH_SIZES: [f64; 12] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Actor {
    actor: &'static str,
}

/// Counters of all actors of one service. A cheap clone.
#[derive(Clone, Debug)]
pub struct Vitals {
    restarts: Family<Actor, Counter>,
    batches: Family<Actor, Histogram>,
}

impl Vitals {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let vitals =
            Self { restarts: Family::default(), batches: Family::new_with_constructor(|| Histogram::new(BATCH_SIZES)) };
        registry.register("actor_restarts", "Restarts of an actor after a panic", vitals.restarts.clone());
        registry.register("batch_size", "Items that one unit of work took together", vitals.batches.clone());
        vitals
    }

    /// Counts a restart.
    pub fn restarted(&self, actor: &'static str) {
        self.restarts.get_or_create(&Actor { actor }).inc();
    }

    /// How often this actor was restarted.
    pub fn restarts(&self, actor: &'static str) -> u64 {
        self.restarts.get_or_create(&Actor { actor }).get()
    }

    /// Makes the actor's counter show as 0 before the first restart, so that an alert can see it grow.
    pub fn started(&self, actor: &'static str) {
        self.restarts.get_or_create(&Actor { actor }).inc_by(0);
    }

    pub(crate) fn batch(&self, actor: &'static str, items: usize) {
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        self.batches.get_or_create(&Actor { actor }).observe(f64::from(items));
    }
}
