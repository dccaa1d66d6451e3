//! What the payments service counts: its verdicts, where the money is taken.
//! Absent: the actors' vitals, the messaging and HTTP metrics, and the endpoint.

use crate::accounts::account::Verdict;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use saga::order::{CancelCause, DeclineReason};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decided {
    verdict: &'static str,
    reason: &'static str,
}

/// The counters. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct PaymentMetrics {
    verdicts: Family<Decided, Counter>,
}

impl PaymentMetrics {
    /// Registers the metrics, each at 0, so that the first verdict of a kind is seen as one more.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("verdicts", "Orders decided, by verdict and reason", metrics.verdicts.clone());
        let declined = DeclineReason::ALL.iter().copied().map(Decided::declined);
        let cancelled = CancelCause::ALL.iter().flat_map(|cause| [Decided::fenced(*cause), Decided::refunded(*cause)]);
        for kind in declined.chain(cancelled).chain([Decided::SUCCEEDED]) {
            metrics.verdicts.get_or_create(&kind).inc_by(0);
        }
        metrics
    }

    /// Counts a verdict that is durable.
    pub(crate) fn decided(&self, verdict: Verdict) {
        let kind = match verdict {
            Verdict::Succeeded(_) => Decided::SUCCEEDED,
            Verdict::Declined(reason) => Decided::declined(reason),
            Verdict::Fenced(cause) => Decided::fenced(cause),
            Verdict::Refunded { cause, .. } => Decided::refunded(cause),
        };
        self.verdicts.get_or_create(&kind).inc();
    }
}

impl Decided {
    const SUCCEEDED: Self = Self { verdict: "succeeded", reason: "" };

    const fn declined(reason: DeclineReason) -> Self {
        Self { verdict: "declined", reason: reason.as_str() }
    }

    const fn fenced(cause: CancelCause) -> Self {
        Self { verdict: "cancelled", reason: cause.as_str() }
    }

    const fn refunded(cause: CancelCause) -> Self {
        Self { verdict: "refunded", reason: cause.as_str() }
    }
}
