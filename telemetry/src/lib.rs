//! One trace per order: the W3C trace context that travels with requests and messages, and the spans that are exported of it.
//! Absent on purpose: HTTP and messaging (edge and messaging know their own attributes), the log, and a span that is not exported.

mod context;
mod otlp;
mod tracer;

pub use context::TraceContext;
pub use opentelemetry::trace::SpanKind;
pub use otlp::{Exporter, InvalidEndpoint, Target};
pub use tracer::{Span, Started, Tracer};
