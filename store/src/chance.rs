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
    #[cfg(feature = "simulation")]
    if let Some(world) = crate::simulation::current() {
        let micros = u64::try_from(longest.as_micros() / 2).unwrap_or(u64::MAX - 1);
        return longest / 2 + Duration::from_micros(world.number() % (micros + 1));
    }
    rand::rng().random_range(longest / 2..=longest)
}
