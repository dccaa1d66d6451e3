//! Every request is seen here: its id and trace, a span, a line in the log, two metrics, and no panic gets past.
//! Absent: rules of any route. What it changes is the answer's outside: headers, and errors nobody wrote a problem for.

use crate::{
    Caller, Problem,
    patience::{UnderWay, Work},
    problem,
    trace::{Serving, Trace},
};
use actix_web::{
    Error, HttpMessage, HttpResponse, ResponseError,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{
            ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
};
use futures_util::FutureExt;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use std::{borrow::Cow, panic::AssertUnwindSafe, time::Instant};
use telemetry::Tracer;
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

/// The header that names one request, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;

/// The histogram's bounds in seconds: from a read of the cache to what a user no longer waits for.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The name of all methods that clients invent.
const OTHER: &str = "other";

/// The route of all paths that have none.
const UNMATCHED: &str = "unmatched";

/// How many requests there were and how long they took. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Family<Answered, Counter>,
    seconds: Family<Asked, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: Cow<'static, str>,
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: Cow<'static, str>,
    route: String,
    status: u16,
}

impl Default for HttpMetrics {
    /// Counts what nobody reads.
    fn default() -> Self {
        Self { requests: Family::default(), seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)) }
    }
}

impl HttpMetrics {
    /// Makes the metrics and enters them in the registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register("http_request_duration_seconds", "Time to the answer's head", metrics.seconds.clone());
        metrics
    }

    fn count(&self, seen: &Seen, status: StatusCode) {
        let (method, route) = (Cow::Borrowed(seen.method), seen.route.clone());
        self.seconds
            .get_or_create(&Asked { method: method.clone(), route: route.clone() })
            .observe(seen.since.elapsed().as_secs_f64());
        self.requests.get_or_create(&Answered { method, route, status: status.as_u16() }).inc();
    }
}

/// Who is told of every request. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    /// Counts it.
    pub metrics: HttpMetrics,
    /// Takes its span.
    pub tracer: Tracer,
}

impl From<HttpMetrics> for Observer {
    /// Without traces.
    fn from(metrics: HttpMetrics) -> Self {
        Self { metrics, tracer: Tracer::default() }
    }
}

/// Marks an answer with an error's status that has a body of its own and keeps it, such as `/readyz`.
pub(crate) struct OwnBody;

/// The middleware: wraps everything, the routes that do not exist included.
///
/// # Errors
/// What the services inside fail with, already as the finished answer.
pub async fn observe(mut request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    let observer = request.app_data::<Observer>().cloned().unwrap_or_default();
    let chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let under_way = request.request().conn_data::<Work>().map(|work| work.begin(chunked));
    let seen = Seen::of(&request, &observer.tracer);
    request.extensions_mut().insert(Trace(seen.serving.trace));
    if request.method() == Method::HEAD {
        // The codec has noted the HEAD already and will leave the body out; routes need to know of GET only.
        request.head_mut().method = Method::GET;
    }
    let span = seen.span();
    // A call may panic before it gives its future, so it happens inside.
    let work = AssertUnwindSafe(async move { next.call(request).await }).catch_unwind();
    let outcome = work.instrument(span.clone()).await;
    let finish = |response| span.in_scope(|| seen.finish(response, &observer));
    match outcome {
        Ok(Ok(response)) => {
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                under_way.into_iter().for_each(UnderWay::for_ever);
            }
            let (request, response) = response.into_parts();
            Ok(ServiceResponse::new(request, finish(response)))
        }
        Ok(Err(error)) => Err(answered(finish(error.error_response()))),
        Err(panic) => {
            span.in_scope(|| tracing::error!(panic = text_of(panic.as_ref()), "a handler panicked"));
            Err(answered(finish(Problem::internal().error_response())))
        }
    }
}

/// What is known of a request before it is served.
struct Seen {
    since: Instant,
    method: &'static str,
    route: String,
    request_id: HeaderValue,
    serving: Serving,
    user: Option<Caller>,
}

impl Seen {
    fn of(request: &ServiceRequest, tracer: &Tracer) -> Self {
        Self {
            since: Instant::now(),
            method: name_of(request.method()),
            route: request.match_pattern().unwrap_or_else(|| UNMATCHED.to_owned()),
            request_id: request_id(request.headers()),
            serving: Serving::begin(tracer, request),
            user: Caller::of(request.headers()).ok(),
        }
    }

    fn span(&self) -> Span {
        tracing::info_span!(
            "request",
            http.method = %self.method,
            http.route = self.route,
            http.status = Empty,
            request.id = self.request_id.to_str().unwrap_or_default(),
            trace.id = %self.serving.trace.trace_id(),
            user.id = self.user.as_ref().map(|caller| caller.0.as_str()),
        )
    }

    /// Counts and logs the answer, and puts on it what every answer has.
    fn finish(self, response: HttpResponse, observer: &Observer) -> HttpResponse {
        let mut response = as_problem(response);
        let status = response.status();
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, self.request_id.clone());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        observer.metrics.count(&self, status);
        Span::current().record("http.status", status.as_u16());
        let elapsed = self.since.elapsed();
        if status.is_server_error() {
            tracing::error!(?elapsed, status = status.as_u16(), "answered");
        } else {
            tracing::debug!(?elapsed, status = status.as_u16(), "answered");
        }
        let (method, route) = (Some(self.method), Some(self.route.as_str()));
        let known = (method.filter(|method| *method != OTHER), route.filter(|route| *route != UNMATCHED));
        self.serving.end(&observer.tracer, known.0, known.1, status);
        response
    }
}

/// An error that is nobody's problem yet (the framework's own) becomes one; its text is dropped, its meaning kept.
fn as_problem(response: HttpResponse) -> HttpResponse {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|media| media == problem::MEDIA_TYPE);
    if !is_error || is_problem || response.extensions().get::<OwnBody>().is_some() {
        return response;
    }
    let mut problem = problem::of_status(status);
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

/// A finished answer in the place of an error: there is no request any more to give it back with.
fn answered(response: HttpResponse) -> Error {
    InternalError::from_response("answered", response).into()
}

/// The client's id for this request if it is a decent one, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let mut values = headers.get_all(REQUEST_ID);
    let decent = |value: &&HeaderValue| {
        (1..=MAX_REQUEST_ID).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    match (values.next().filter(decent), values.next()) {
        (Some(value), None) => value.clone(),
        _ => HeaderValue::from_str(&Uuid::now_v7().to_string()).expect("a UUID is visible ASCII"),
    }
}

/// A method's name; clients may invent methods, and metrics must not grow with them.
fn name_of(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or(OTHER)
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text")
}
