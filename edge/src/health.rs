//! What operation asks of a service: does it live, may it get requests, its metrics.
//! Absent: what is checked; the composition root hands the checks in.

use crate::{observe::OwnBody, problem::RETRY_AFTER_SECONDS, resource};
use actix_web::{HttpResponse, http::header::RETRY_AFTER, web};
use futures_util::future::{BoxFuture, join_all};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

/// What one check may take: a probe that waits longer has its answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The media type of [`encode`]'s text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One thing that a service cannot do without.
#[derive(Clone)]
pub struct Check {
    /// What it is, for people.
    pub name: &'static str,
    /// Looks whether it is there; says why not.
    pub run: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

#[derive(Serialize)]
struct Failing {
    part: &'static str,
    why: String,
}

/// `GET /healthz`, `/readyz` and `/metrics`.
pub fn configure_operation(cfg: &mut web::ServiceConfig, registry: Arc<Registry>, checks: Arc<Vec<Check>>) {
    let health = resource("/healthz", "GET").get(async || ok());
    let readiness = resource("/readyz", "GET").get(move || ready(Arc::clone(&checks)));
    let metrics = resource("/metrics", "GET").get(move || metrics(Arc::clone(&registry)));
    cfg.service(health).service(readiness).service(metrics);
}

fn ok() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

async fn ready(checks: Arc<Vec<Check>>) -> HttpResponse {
    let failing: Vec<_> = join_all(checks.iter().map(failing)).await.into_iter().flatten().collect();
    if failing.is_empty() {
        return ok();
    }
    let body = serde_json::json!({ "status": "unavailable", "failing": failing });
    let mut response = HttpResponse::ServiceUnavailable().insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS)).json(body);
    response.extensions_mut().insert(OwnBody);
    response
}

async fn failing(check: &Check) -> Option<Failing> {
    let late = |_| Err(format!("no answer within {CHECK_TIMEOUT:?}"));
    let outcome = tokio::time::timeout(CHECK_TIMEOUT, (check.run)()).await.unwrap_or_else(late);
    outcome.err().map(|why| Failing { part: check.name, why })
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
