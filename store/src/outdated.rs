//! Connections that must not be used again: all that were made before a moment.
//! Absent: why; whoever finds a reason notes the moment.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The latest such moment of one pool. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outdated(Arc<Mutex<Option<Instant>>>);

impl Outdated {
    /// All that were made until now.
    pub fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection of this age was made before, or within `slack` after it.
    pub fn includes(&self, age: Duration, slack: Duration) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() < age.saturating_add(slack))
    }

    #[cfg(test)]
    pub fn note_at(&self, moment: Option<Instant>) {
        *self.0.lock().unwrap() = moment;
    }
}
