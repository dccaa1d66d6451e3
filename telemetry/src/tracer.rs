//! Spans: begun below a context, recorded once they are over, with what became of them.
//! Absent: a "current" span. Many orders share one transaction and one task, so each message brings its own context.
//!
//! A trace that nobody records costs a look at one pointer and one flag; no span is made, nothing is allocated.

use crate::TraceContext;
use opentelemetry::{
    Context, InstrumentationScope, KeyValue, Value,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample, SpanData, SpanProcessor};
use std::{borrow::Cow, fmt, sync::Arc, time::SystemTime};

/// Decides which spans are made, and passes on those that are over. A cheap clone; by default off.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

struct Recorder {
    processor: Arc<dyn SpanProcessor>,
    /// Of traces that begin here; of all others their beginner has decided.
    new_traces: Sampler,
    scope: InstrumentationScope,
}

/// A span under way: the context of whatever happens below it, and when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// For everything below.
    pub context: TraceContext,
    parent: Option<TraceContext>,
    since: SystemTime,
}

/// What there is to say about a span that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    kind: SpanKind,
    name: Cow<'static, str>,
    attributes: Vec<KeyValue>,
    status: Status,
}

impl Span {
    /// One that went well.
    pub fn new(kind: SpanKind, name: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, name: name.into(), attributes: Vec::new(), status: Status::Unset }
    }

    /// With an attribute.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(key, value));
        self
    }

    /// It failed, with an error of this type; types are few.
    #[must_use]
    pub fn failed(mut self, error_type: impl Into<Cow<'static, str>>) -> Self {
        let error_type = error_type.into();
        self.status = Status::error(error_type.clone());
        self.with("error.type", error_type)
    }
}

impl Tracer {
    /// One that passes spans to the processor and begins this share of new traces, 0 to 1.
    pub fn new(processor: Arc<dyn SpanProcessor>, ratio: f64, scope: &'static str) -> Self {
        let new_traces = Sampler::TraceIdRatioBased(ratio);
        Self(Some(Arc::new(Recorder { processor, new_traces, scope: InstrumentationScope::builder(scope).build() })))
    }

    /// Whether any span is recorded at all.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a span below the parent, or a new trace. `None` when nobody records it.
    pub fn start(&self, parent: Option<TraceContext>) -> Option<Started> {
        let recorder = self.0.as_ref()?;
        let context = match parent {
            Some(parent) => parent.is_sampled().then(|| parent.child())?,
            None => recorder.new_trace()?,
        };
        Some(Started { context, parent, since: SystemTime::now() })
    }

    /// Ends a span.
    pub fn end(&self, started: Started, span: Span) {
        if let Some(recorder) = &self.0 {
            recorder.pass(started, span);
        }
    }

    /// Records a span without any below it, now that it is over. Without a parent that is recorded nothing is.
    pub fn record(&self, parent: Option<TraceContext>, since: SystemTime, span: impl FnOnce() -> Span) {
        let Some(recorder) = &self.0 else { return };
        if let Some(parent) = parent.filter(|parent| parent.is_sampled()) {
            recorder.pass(Started { context: parent.child(), parent: Some(parent), since }, span());
        }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = self.0.as_ref().map(|recorder| recorder.scope.name());
        f.debug_tuple("Tracer").field(&scope).finish()
    }
}

impl Recorder {
    fn new_trace(&self) -> Option<TraceContext> {
        let context = TraceContext::sampled();
        let (trace, parent) = (TraceId::from(context.trace()), None::<&Context>);
        let sampled = self.new_traces.should_sample(parent, trace, "", &SpanKind::Internal, &[], &[]);
        (sampled.decision == SamplingDecision::RecordAndSample).then_some(context)
    }

    fn pass(&self, started: Started, span: Span) {
        let Started { context, parent, since } = started;
        let flags = TraceFlags::new(context.flags());
        let ids = (TraceId::from(context.trace()), SpanId::from(context.span()));
        self.processor.on_end(SpanData {
            span_context: SpanContext::new(ids.0, ids.1, flags, false, TraceState::NONE),
            parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.span())),
            parent_span_is_remote: parent.is_some() && matches!(span.kind, SpanKind::Server | SpanKind::Consumer),
            span_kind: span.kind,
            name: span.name,
            start_time: since,
            // A clock that was set back must not make a span end before it began.
            end_time: SystemTime::now().max(since),
            attributes: span.attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: span.status,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_sdk::error::OTelSdkResult;
    use std::{
        sync::{Mutex, PoisonError},
        time::Duration,
    };

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<SpanData>>);

    impl SpanProcessor for Kept {
        fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {}

        fn on_end(&self, span: SpanData) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(span);
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    fn tracer(ratio: f64) -> (Tracer, impl Fn() -> Vec<SpanData>) {
        let kept = Arc::new(Kept::default());
        let tracer = Tracer::new(kept.clone(), ratio, "test");
        (tracer, move || kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn parent(flags: &str) -> Option<TraceContext> {
        TraceContext::parse(&format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}"))
    }

    #[test]
    fn a_span_continues_its_parents_trace_and_says_what_it_was() {
        let (tracer, kept) = tracer(0.0);
        let started = tracer.start(parent("01")).expect("the parent is recorded, whatever the ratio for new traces");
        tracer.end(started, Span::new(SpanKind::Consumer, "process").with("key", 7).failed("timeout"));
        let [span] = &kept()[..] else { panic!("not one span") };
        assert_eq!(span.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((span.parent_span_id.to_string().as_str(), span.parent_span_is_remote), ("00f067aa0ba902b7", true));
        assert_eq!(
            started.context.to_string(),
            format!("00-{}-{}-01", span.span_context.trace_id(), span.span_context.span_id())
        );
        assert_eq!((&span.span_kind, span.name.as_ref()), (&SpanKind::Consumer, "process"));
        assert_eq!(span.attributes, [KeyValue::new("key", 7), KeyValue::new("error.type", "timeout")]);
        assert_eq!(span.status, Status::error("timeout"));
        assert!(span.start_time <= span.end_time);
    }

    #[test]
    fn what_is_over_is_recorded_below_its_parent_from_where_it_began() {
        let (tracer, kept) = tracer(1.0);
        let since = SystemTime::UNIX_EPOCH;
        tracer.record(parent("01"), since, || Span::new(SpanKind::Internal, "commit"));
        let [span] = &kept()[..] else { panic!("not one span") };
        assert_eq!((span.parent_span_id.to_string().as_str(), span.start_time), ("00f067aa0ba902b7", since));
        assert!(!span.parent_span_is_remote && span.end_time > since);
    }

    #[test]
    fn of_a_trace_that_nobody_records_no_span_is_even_made() {
        let (tracer, kept) = tracer(1.0);
        for (tracer, parent) in [(&tracer, parent("00")), (&Tracer::default(), parent("01"))] {
            assert_eq!(tracer.start(parent), None);
            tracer.record(parent, SystemTime::UNIX_EPOCH, || unreachable!("a span was made"));
        }
        tracer.record(None, SystemTime::UNIX_EPOCH, || unreachable!("a span was made"));
        assert_eq!((kept().len(), Tracer::default().start(None)), (0, None));
    }

    #[test]
    fn new_traces_are_begun_in_the_share_that_was_asked_for() {
        let begun = |ratio| (0..2_000).filter(|_| tracer(ratio).0.start(None).is_some()).count();
        assert_eq!((begun(0.0), begun(1.0)), (0, 2_000));
        assert!((700..1_300).contains(&begun(0.5)));
        let root = tracer(1.0).0.start(None).expect("all are begun");
        assert!(root.context.is_sampled() && root.parent.is_none());
    }
}
