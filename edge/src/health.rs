//! What operation asks of a service: does it live, may it get requests, its metrics.
//! Absent: what is checked; the composition root hands the checks in.

use crate::{observe::OwnBody, problem::RETRY_AFTER_SECONDS, resource};
use actix_web::{HttpRequest, HttpResponse, http::header::RETRY_AFTER, web};
use futures_util::future::{BoxFuture, join_all};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

/// What one check may take: a probe that waits longer has its answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The media type of [`encode`]'s text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How a part is: `Ok` when it can take traffic, with what is wrong nevertheless and an operator must mend; else why it cannot.
pub type Health = Result<Vec<String>, String>;

/// One thing that a service cannot do without.
#[derive(Clone)]
pub struct Check {
    /// What it is, for people.
    pub name: &'static str,
    /// Looks how it is.
    pub run: Arc<dyn Fn() -> BoxFuture<'static, Health> + Send + Sync>,
}

#[derive(Serialize)]
struct Complaint {
    part: &'static str,
    why: String,
}

/// `GET /healthz`, `/readyz` and `/metrics`.
pub fn configure_operation(cfg: &mut web::ServiceConfig, registry: Arc<Registry>, checks: Arc<Vec<Check>>) {
    let health = resource("/healthz", "GET").get(async || ok());
    let readiness = resource("/readyz", "GET").get(move |request: HttpRequest| ready(request, Arc::clone(&checks)));
    let metrics = resource("/metrics", "GET").get(move || metrics(Arc::clone(&registry)));
    cfg.service(health).service(readiness).service(metrics);
}

fn ok() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

/// With `?full` also what is only degraded is unavailable, for those who want to hear of it by the status alone.
async fn ready(request: HttpRequest, checks: Arc<Vec<Check>>) -> HttpResponse {
    let full = request.query_string().split('&').any(|parameter| parameter == "full" || parameter.starts_with("full="));
    let (mut failing, mut degraded) = (Vec::new(), Vec::new());
    for (part, health) in join_all(checks.iter().map(health)).await {
        match health {
            Ok(doubts) => degraded.extend(doubts.into_iter().map(|why| Complaint { part, why })),
            Err(why) => failing.push(Complaint { part, why }),
        }
    }
    match (failing.is_empty(), degraded.is_empty()) {
        (true, true) => ok(),
        (true, false) if full => unavailable(&serde_json::json!({ "status": "degraded", "degraded": degraded })),
        (true, false) => HttpResponse::Ok().json(serde_json::json!({ "status": "degraded", "degraded": degraded })),
        (false, _) => unavailable(&serde_json::json!({ "status": "unavailable", "failing": failing })),
    }
}

fn unavailable(body: &serde_json::Value) -> HttpResponse {
    let mut response = HttpResponse::ServiceUnavailable().insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS)).json(body);
    response.extensions_mut().insert(OwnBody);
    response
}

async fn health(check: &Check) -> (&'static str, Health) {
    let late = |_| Err(format!("no answer within {CHECK_TIMEOUT:?}"));
    (check.name, tokio::time::timeout(CHECK_TIMEOUT, (check.run)()).await.unwrap_or_else(late))
}

async fn metrics(registry: Arc<Registry>) -> HttpResponse {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => HttpResponse::Ok().content_type(OPENMETRICS).body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}
