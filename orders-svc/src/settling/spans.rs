//! What traces say about settling: each order has a span of its own of the transaction that many share.
//! Absent: whose order it is and what it costs.

use super::settle::{Happening, SettleError, Settled};
use std::time::SystemTime;
use telemetry::{Span, SpanKind, Tracer};

/// It was committed, begun at `since`; this is what each came to.
pub(super) fn committed(
    tracer: &Tracer,
    happenings: &[Happening],
    settled: &[Result<Settled, SettleError>],
    since: SystemTime,
) {
    for (happening, settled) in happenings.iter().zip(settled) {
        tracer.record(happening.trace, since, || {
            let span = Span::new(SpanKind::Internal, "settle order")
                .with("gozon.order.id", happening.order_id.to_string())
                .with("gozon.batch.size", i64::try_from(happenings.len()).unwrap_or(i64::MAX));
            match settled {
                Ok(Settled::Changed) => span.with("gozon.order.outcome", "changed"),
                Ok(Settled::Unchanged) => span.with("gozon.order.outcome", "unchanged"),
                Ok(Settled::TooLate) => span.with("gozon.order.outcome", "too late"),
                Ok(Settled::Contradicted) => span.with("gozon.order.outcome", "contradicted"),
                Err(_) => span.failed("refused"),
            }
        });
    }
}
