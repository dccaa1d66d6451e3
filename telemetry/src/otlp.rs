//! The way of spans to a collector: OTLP over HTTP with protobuf, from a bounded queue by a thread of its own.
//! Absent: TLS and gRPC; a collector beside the shop speaks both to whoever is far away. And any wait of whoever ends a span.

use crate::Tracer;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use url::Url;
use uuid::Uuid;

/// What OTLP over HTTP puts behind the base URL.
const PATH: &str = "/v1/traces";
/// Spans waiting for the thread, some 10 MB: a burst of thousands of orders fits. What comes when it is full is dropped.
const QUEUE: usize = 16_384;
/// Spans in one request: well below what collectors accept (4 MiB), even with long names.
const BATCH: usize = 2_048;
/// How long a span waits for others: short enough that whoever looks for an order's trace finds it.
const EVERY: Duration = Duration::from_secs(1);
/// What a collector may take to answer one request, all tries together.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);
/// What the last spans may delay the end of the process.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Where spans go, and of which new traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    endpoint: String,
    ratio: f64,
}

/// A text that names no collector that can be spoken to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the base URL of an OTLP receiver, such as http://localhost:4318: {0}")]
pub struct InvalidEndpoint(String);

impl Target {
    /// The collector with this base URL, for this share of new traces.
    ///
    /// # Errors
    /// [`InvalidEndpoint`] when it is none, or one for HTTPS.
    pub fn new(base: &str, ratio: f64) -> Result<Self, InvalidEndpoint> {
        let url = Url::parse(base).map_err(|error| InvalidEndpoint(error.to_string()))?;
        match (url.scheme(), url.query(), url.fragment()) {
            ("http", None, None) => {
                Ok(Self { endpoint: format!("{}{PATH}", url.as_str().trim_end_matches('/')), ratio })
            }
            ("http", ..) => Err(InvalidEndpoint("it has a query or a fragment".to_owned())),
            (scheme, ..) => Err(InvalidEndpoint(format!("{scheme} is not spoken here"))),
        }
    }
}

/// The thread that exports, and its queue.
#[derive(Debug)]
pub struct Exporter {
    processor: Arc<BatchSpanProcessor>,
    ratio: f64,
}

impl Exporter {
    /// Starts exporting the spans of this program; whether or not the collector answers yet.
    ///
    /// # Errors
    /// [`InvalidEndpoint`] with the library's words when it does not take the URL.
    pub fn start(target: &Target, service: &'static str, registry: &mut Registry) -> Result<Self, InvalidEndpoint> {
        let http = opentelemetry_otlp::SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        let http = http.with_endpoint(&target.endpoint).with_timeout(EXPORT_TIMEOUT).build();
        let http = http.map_err(|error| InvalidEndpoint(error.to_string()))?;
        let config = BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_max_export_batch_size(BATCH);
        let config = config.with_scheduled_delay(EVERY).build();
        let mut processor = BatchSpanProcessor::new(Watched::new(http, registry), config);
        processor.set_resource(&resource(service));
        tracing::info!(endpoint = target.endpoint, ratio = target.ratio, "traces are exported");
        Ok(Self { processor: Arc::new(processor), ratio: target.ratio })
    }

    /// A tracer whose spans are marked with the part of the program that they come from.
    pub fn tracer(&self, scope: &'static str) -> Tracer {
        Tracer::new(self.processor.clone(), self.ratio, scope)
    }

    /// Sends what waits, as long as that does not take too long.
    pub async fn stop(self) {
        let stopping = tokio::task::spawn_blocking(move || self.processor.shutdown_with_timeout(STOP_TIMEOUT));
        if let Ok(Err(error)) = stopping.await {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// The program, its version, this run of it; and whatever `OTEL_RESOURCE_ATTRIBUTES` adds.
fn resource(service: &'static str) -> Resource {
    let attributes = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", Uuid::now_v7().to_string()),
    ];
    Resource::builder().with_service_name(service).with_attributes(attributes).build()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// An exporter whose failures are counted, and logged once until it works again: without it every second would log one.
#[derive(Debug)]
struct Watched<E> {
    exporter: E,
    spans: Family<Outcome, Counter>,
    failing: AtomicBool,
}

impl<E> Watched<E> {
    fn new(exporter: E, registry: &mut Registry) -> Self {
        let spans = Family::default();
        registry.register("trace_spans", "Spans that left the process, by outcome", spans.clone());
        Self { exporter, spans, failing: AtomicBool::new(false) }
    }

    fn note(&self, exported: &OTelSdkResult, spans: usize) {
        let failed = exported.is_err();
        let outcome = if failed { "lost" } else { "exported" };
        self.spans.get_or_create(&Outcome { outcome }).inc_by(u64::try_from(spans).unwrap_or(u64::MAX));
        match (self.failing.swap(failed, Ordering::Relaxed), exported) {
            (false, Err(error)) => tracing::warn!(%error, "traces cannot be exported and are lost until they can"),
            (true, Ok(())) => tracing::info!("traces are exported again"),
            (true, Err(_)) | (false, Ok(())) => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    /// Always well: what went wrong is dealt with here.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.note(&self.exporter.export(batch).await, spans);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_gets_the_path_of_traces_and_anything_else_is_refused() {
        let endpoint = |base| Target::new(base, 1.0).map(|target| target.endpoint);
        for (base, expected) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("http://[::1]:80/otlp/", "http://[::1]/otlp/v1/traces"),
        ] {
            assert_eq!(endpoint(base).as_deref(), Ok(expected));
        }
        for bad in ["", "localhost:4318", "https://localhost:4318", "http://", "http://x/?a", "http://x/#a", "grpc://x"]
        {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_are_counted_by_what_became_of_them() {
        let mut registry = Registry::default();
        let watched = Watched::new((), &mut registry);
        let failure = || Err(opentelemetry_sdk::error::OTelSdkError::InternalFailure("away".to_owned()));
        for (exported, spans) in [(Ok(()), 1), (failure(), 2), (failure(), 4), (Ok(()), 8)] {
            watched.note(&exported, spans);
        }
        let count = |outcome| watched.spans.get_or_create(&Outcome { outcome }).get();
        assert_eq!((count("exported"), count("lost")), (9, 6));
    }
}
