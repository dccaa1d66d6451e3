//! A receiver of traces: real OTLP over real HTTP, decoded with the protocol's own messages, kept for a test to look at.
//! Absent: metrics and logs, and any judgement.

use crate::wait::eventually;
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    web::{self, Bytes, Data},
};
use anyhow::{Context, Result};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, Span},
};
use prost::Message;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

const PROTOBUF: &str = "application/x-protobuf";

/// A span as it was received, its ids in hex.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The trace.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// Its parent's id, empty for a root.
    pub parent: String,
    /// `SERVER`, `PRODUCER` and so on.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// When it began and ended, in nanoseconds.
    pub time: (u64, u64),
    /// What it says.
    pub attributes: BTreeMap<String, String>,
    /// Which program, version and run it comes from.
    pub resource: BTreeMap<String, String>,
    /// Which part of it.
    pub scope: String,
}

impl Recorded {
    fn read(resource: &BTreeMap<String, String>, scope: &str, span: Span) -> Self {
        let kind = span.kind().as_str_name();
        Self {
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            kind: kind.strip_prefix("SPAN_KIND_").unwrap_or(kind),
            time: (span.start_time_unix_nano, span.end_time_unix_nano),
            attributes: texts(&span.attributes),
            resource: resource.clone(),
            scope: scope.to_owned(),
            name: span.name,
        }
    }

    /// The `service.name`.
    pub fn service(&self) -> &str {
        self.resource.get("service.name").map_or("", String::as_str)
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(|one| (one.key.clone(), one.value.as_ref().map(text).unwrap_or_default())).collect()
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

type Spans = Arc<Mutex<Vec<Recorded>>>;

/// The receiver. It stops when it is dropped.
#[derive(Debug)]
pub struct Collector {
    endpoint: String,
    spans: Spans,
    server: ServerHandle,
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

impl Collector {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn start() -> Result<Self> {
        let spans = Spans::default();
        let data = Data::from(spans.clone());
        let app = move || App::new().app_data(data.clone()).route("/v1/traces", web::post().to(receive));
        let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0))?;
        let address = *server.addrs().first().context("it is bound")?;
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { endpoint: format!("http://{address}"), spans, server: handle })
    }

    /// Its base URL, as `OTEL_EXPORTER_OTLP_ENDPOINT` wants it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// All that was received of a trace.
    pub fn received(&self, trace: &str) -> Vec<Recorded> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().filter(|span| span.trace == trace).cloned().collect()
    }

    /// The ids of all traces of which anything was received.
    pub fn traces(&self) -> BTreeSet<String> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().map(|span| span.trace.clone()).collect()
    }

    /// The trace of which a span has this attribute, as soon as it has so many spans.
    ///
    /// # Errors
    /// When it does not get them.
    pub async fn trace(&self, attribute: (&str, &str), spans: usize) -> Result<Trace> {
        eventually(&format!("{spans} spans of the trace with {attribute:?}"), || async move {
            let trace = self.find(attribute);
            let received = trace.map(|trace| self.received(&trace)).unwrap_or_default();
            Ok((received.len() >= spans).then_some(Trace(received)))
        })
        .await
    }

    fn find(&self, (key, value): (&str, &str)) -> Option<String> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans
            .iter()
            .find(|span| span.attributes.get(key).is_some_and(|has| has == value))
            .map(|span| span.trace.clone())
    }
}

async fn receive(request: HttpRequest, body: Bytes, spans: Data<Mutex<Vec<Recorded>>>) -> HttpResponse {
    let media = request.headers().get("content-type").and_then(|media| media.to_str().ok());
    match (media, ExportTraceServiceRequest::decode(body)) {
        (Some(PROTOBUF), Ok(export)) => {
            let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
            spans.extend(export.resource_spans.into_iter().flat_map(read));
            let answer = ExportTraceServiceResponse::default().encode_to_vec();
            HttpResponse::Ok().content_type(PROTOBUF).body(answer)
        }
        (media, decoded) => HttpResponse::BadRequest().body(format!("{media:?}, {:?}", decoded.err())),
    }
}

fn read(of_resource: ResourceSpans) -> impl Iterator<Item = Recorded> {
    let resource = texts(&of_resource.resource.unwrap_or_default().attributes);
    of_resource.scope_spans.into_iter().flat_map(move |of_scope| {
        let (resource, scope) = (resource.clone(), of_scope.scope.unwrap_or_default().name);
        of_scope.spans.into_iter().map(move |span| Recorded::read(&resource, &scope, span))
    })
}

/// The spans of one trace.
#[derive(Clone, Debug)]
pub struct Trace(pub Vec<Recorded>);

impl Trace {
    /// A line for each span, `name (kind, service) < parent's name`, sorted. The parent is `-` for a root, `?` when it is not here.
    pub fn lines(&self) -> Vec<String> {
        let names: HashMap<_, _> = self.0.iter().map(|span| (span.id.as_str(), span.name.as_str())).collect();
        let line = |span: &Recorded| {
            let parent = if span.parent.is_empty() { "-" } else { names.get(span.parent.as_str()).unwrap_or(&"?") };
            format!("{} ({}, {}) < {parent}", span.name, span.kind, span.service())
        };
        let mut lines: Vec<_> = self.0.iter().map(line).collect();
        lines.sort_unstable();
        lines
    }

    /// The one span of this name.
    ///
    /// # Errors
    /// When there is none or several.
    pub fn span(&self, name: &str) -> Result<&Recorded> {
        let mut named = self.0.iter().filter(|span| span.name == name);
        let span = named.next().filter(|_| named.next().is_none());
        span.with_context(|| format!("not one span {name:?} in {:#?}", self.lines()))
    }
}
