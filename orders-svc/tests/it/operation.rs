//! What is for people and machines who look after the service: documentation, and readiness when something is missing.
//! Absent: what the documents say (gozon's tests compare them with the committed ones).

use crate::service::Service;
use fixtures::database::TestResult;
use serde_json::Value;
use std::sync::Arc;

pub async fn the_documentation_is_served_with_its_document(service: Arc<Service>) -> TestResult {
    let page = service.request("GET", "/orders/docs").send().await?;
    assert_eq!((page.status().as_u16(), page.url().path()), (200, "/orders/docs/"), "after a redirect");
    let html = page.headers()["content-type"].to_str()?.starts_with("text/html");
    assert!(html && page.text().await?.contains("swagger-ui"));
    let script = service.request("GET", "/orders/docs/swagger-initializer.js").send().await?.text().await?;
    assert!(script.contains("/orders/openapi.json"), "{script}");
    let document = service.ask(service.request("GET", "/orders/openapi.json")).await?;
    assert_eq!((document.status.as_u16(), document.body), (200, serde_json::to_value(orders_svc::http::document())?));
    Ok(())
}

pub async fn readiness_names_what_is_missing(service: Arc<Service>) -> TestResult {
    messaging::broker::Broker::close(&service.broker).await;
    let answer = service.ask(service.request("GET", "/readyz")).await?;
    assert_eq!(answer.status, 503);
    assert!(answer.body.to_string().contains("broker"), "{}", answer.body);
    assert_eq!(answer.body.to_string().matches("database").count(), 0, "{}", answer.body);
    let alive = service.ask(service.request("GET", "/healthz")).await?;
    assert_eq!((alive.status.as_u16(), &alive.body["status"]), (200, &Value::from("ok")));
    Ok(())
}
