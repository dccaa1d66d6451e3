//! A buyer places an order: all drafts that wait are committed in one transaction, with their outbox rows and idempotency keys.
//! Absent: payment; that begins when the outbox row arrives.

mod place;

pub use place::{PlaceError, Placed, Placing};

use crate::order::OrderDraft;
use supervision::{AskError, Gatherer, Handle, Limits, Vitals};
use telemetry::TraceContext;

/// Orders under way between request and commit; more are refused with 503 before memory grows. About 1 KB each.
const MOST_UNDER_WAY: usize = 4_096;
/// Orders in one transaction: a few tens of milliseconds' work at most.
const MOST_TOGETHER: usize = 1_000;

/// A draft with the trace that it belongs to.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What is asked for.
    pub order: OrderDraft,
    /// The request for the money goes on with it.
    pub trace: TraceContext,
}

/// The way to the placing actor. A cheap clone.
#[derive(Clone, Debug)]
pub struct PlacingHandle(Handle<Placing>);

impl PlacingHandle {
    /// Starts the actor on the current arbiter.
    pub fn start(placing: Placing, vitals: &Vitals) -> Self {
        Self(Gatherer::start(placing, Limits { admitted: MOST_UNDER_WAY, batch: MOST_TOGETHER, lanes: 1 }, vitals))
    }

    /// Places an order; comes back when it is durable.
    ///
    /// # Errors
    /// [`PlaceError`] when it is not, or nobody can tell.
    pub async fn place(&self, draft: Draft) -> Result<Placed, PlaceError> {
        match self.0.ask(draft).await {
            Ok(answer) => answer,
            Err(AskError::Overloaded) => Err(PlaceError::Overloaded),
            Err(AskError::Lost) => Err(PlaceError::Interrupted),
        }
    }

    /// Whether the actor is there.
    pub fn alive(&self) -> bool {
        self.0.alive()
    }

    /// Comes back when nothing is under way.
    pub async fn drain(&self) {
        self.0.idle().await;
    }
}
