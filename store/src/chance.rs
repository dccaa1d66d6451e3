//! The one place where chance comes in on an order's way, so that a simulation can have the same happen again.
//! Absent: what it is needed for, and the ids of requests and traces, which decide nothing.

use rand::Rng;
use std::time::Duration;
use uuid::Uuid;

/// A new UUIDv7: ids of one process grow.
pub fn id() -> Uuid {
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::current() {
        return world.id();
    }
    Uuid::now_v7()
}

/// Somewhere between half of it and all of it: so those who failed together do not come again together.
#[must_use]
pub fn jittered(longest: Duration) -> Duration {
    between(longest / 2, longest)
}

/// This, give or take a tenth: so those who began together do not end together.
#[must_use]
pub fn about(mean: Duration) -> Duration {
    between(mean - mean / 10, mean + mean / 10)
}

fn between(shortest: Duration, longest: Duration) -> Duration {
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::current() {
        let micros = u64::try_from((longest - shortest).as_micros()).unwrap_or(u64::MAX - 1);
        return shortest + Duration::from_micros(world.number() % (micros + 1));
    }
    rand::rng().random_range(shortest..=longest)
}
