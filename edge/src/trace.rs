//! The trace of a request: taken over from a valid `traceparent` or begun here, with a span of the serving.
//! Absent: the context itself and whether anybody records it (telemetry), and `tracestate`.

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::{Payload, ServiceRequest},
    http::{
        StatusCode,
        header::{HeaderMap, HeaderName},
    },
};
use std::{
    convert::Infallible,
    future::{Ready, ready},
};
use telemetry::{Span, SpanKind, Started, TraceContext, Tracer};

/// The header's name.
const HEADER: HeaderName = HeaderName::from_static("traceparent");

/// What machines ask every few seconds; no trace begins with these.
const PROBES: [&str; 4] = ["/health", "/healthz", "/metrics", "/readyz"];

/// What conventions call a method that clients invented.
const OTHER_METHOD: &str = "_OTHER";

/// A handler's argument: what it does and causes belongs below this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace(pub TraceContext);

impl FromRequest for Trace {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    /// What the observing middleware found or made.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let seen = request.extensions().get::<Self>().copied();
        ready(Ok(seen.unwrap_or_else(|| Self(incoming(request.headers()).unwrap_or_else(TraceContext::unsampled)))))
    }
}

/// A request's place in a trace and, if somebody records it, its span.
pub(crate) struct Serving {
    pub trace: TraceContext,
    span: Option<(Started, String)>,
}

impl Serving {
    /// Continues the request's trace; begins one when it has none, unless it is only a probe.
    pub fn begin(tracer: &Tracer, request: &ServiceRequest) -> Self {
        let parent = incoming(request.headers());
        let wanted = parent.is_some() || !PROBES.contains(&request.path());
        let started = tracer.start(parent).filter(|_| wanted);
        let trace = started.map(|span| span.context).or(parent).unwrap_or_else(TraceContext::unsampled);
        Self { trace, span: started.map(|span| (span, request.path().to_owned())) }
    }

    /// Records the span. `route` is none for a path that has no route.
    pub fn end(self, tracer: &Tracer, method: Option<&'static str>, route: Option<&str>, status: StatusCode) {
        if let Some((started, path)) = self.span {
            tracer.end(started, served(method, route, path, status));
        }
    }
}

/// As OpenTelemetry's conventions for HTTP have it (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>).
fn served(method: Option<&'static str>, route: Option<&str>, path: String, status: StatusCode) -> Span {
    let name = [Some(method.unwrap_or("HTTP")), route].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let mut span = Span::new(SpanKind::Server, name)
        .with("http.request.method", method.unwrap_or(OTHER_METHOD))
        .with("http.response.status_code", i64::from(status.as_u16()))
        .with("url.path", path)
        .with("url.scheme", "http");
    if let Some(route) = route {
        span = span.with("http.route", route.to_owned());
    }
    // An error of the client's is none of the server's.
    if status.is_server_error() { span.failed(status.as_str().to_owned()) } else { span }
}

/// The request's context, if it carries exactly one that is valid.
fn incoming(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all(HEADER);
    let first = values.next()?.to_str().ok().and_then(TraceContext::parse);
    first.filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_named_by_its_route_and_fails_only_by_the_servers_fault() {
        let span = |method, route, status| served(method, route, "/orders/7".to_owned(), status);
        let expected = |name: &'static str, method: &'static str, status: i64| {
            Span::new(SpanKind::Server, name)
                .with("http.request.method", method)
                .with("http.response.status_code", status)
                .with("url.path", "/orders/7")
                .with("url.scheme", "http")
        };
        let route = Some("/orders/{id}");
        assert_eq!(
            span(Some("GET"), route, StatusCode::NOT_FOUND),
            expected("GET /orders/{id}", "GET", 404).with("http.route", "/orders/{id}")
        );
        assert_eq!(
            span(Some("GET"), route, StatusCode::SERVICE_UNAVAILABLE),
            expected("GET /orders/{id}", "GET", 503).with("http.route", "/orders/{id}").failed("503")
        );
        assert_eq!(span(None, None, StatusCode::METHOD_NOT_ALLOWED), expected("HTTP", "_OTHER", 405));
    }
}
