//! The OpenAPI documents of both services: as committed in `docs/openapi/`, and complete.
//! Absent: whether the services do what they say; their own tests and the strangers' tools show that.

use saga::order::{CancelCause, DeclineReason, Status};
use serde_json::{Value, json};
use std::{collections::HashSet, error::Error, fs, path::PathBuf};

type TestResult = Result<(), Box<dyn Error>>;

fn documents() -> Result<[(&'static str, Value); 2], serde_json::Error> {
    Ok([
        ("orders", serde_json::to_value(orders_svc::http::document())?),
        ("payments", serde_json::to_value(payments_svc::http::document())?),
    ])
}

#[expect(clippy::disallowed_methods, reason = "how a developer asks a test to write what it compares")]
fn refresh() -> bool {
    std::env::var("UPDATE_OPENAPI").is_ok()
}

#[test]
fn the_documents_are_those_that_are_committed() -> TestResult {
    for (service, document) in documents()? {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/openapi/{service}.json"));
        let text = serde_json::to_string_pretty(&document)? + "\n";
        if refresh() {
            fs::write(&path, &text)?;
        }
        let committed = fs::read_to_string(&path)?;
        assert!(
            committed == text,
            "docs/openapi/{service}.json is stale: run UPDATE_OPENAPI=1 cargo test -p gozon documentation"
        );
    }
    Ok(())
}

#[test]
fn every_call_is_described_with_its_parameters_examples_and_errors() -> TestResult {
    let mut ids = HashSet::new();
    for (service, document) in documents()? {
        assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "{service}");
        let mut gaps = Vec::new();
        for (path, item) in document["paths"].as_object().ok_or("paths")? {
            for (method, call) in item.as_object().ok_or("calls")? {
                gaps.extend(gaps_of(call).into_iter().map(|gap| format!("{method} {path}: {gap}")));
                assert!(
                    ids.insert(call["operationId"].as_str().ok_or("an id")?.to_owned()),
                    "{method} {path}: its id is taken"
                );
            }
        }
        assert!(gaps.is_empty(), "{service}: {gaps:#?}");
    }
    Ok(())
}

#[test]
fn the_words_for_status_and_reason_are_the_sagas() -> TestResult {
    let [(_, orders), _] = documents()?;
    let statuses: Vec<_> = Status::ALL.iter().map(|status| json!(status.as_str())).collect();
    let declined = DeclineReason::ALL.iter().map(|reason| json!(reason.as_str()));
    let cancelled = CancelCause::ALL.iter().map(|cause| json!(cause.as_str()));
    let reasons: Vec<_> = declined.chain(cancelled).chain([Value::Null]).collect();
    let order = &orders["components"]["schemas"]["Order"]["properties"];
    assert_eq!(order["status"]["enum"], json!(statuses));
    assert_eq!(order["reason"]["enum"], json!(reasons));
    let parameters = orders["paths"]["/orders"]["get"]["parameters"].as_array().ok_or("parameters")?;
    let filter = parameters.iter().find(|parameter| parameter["name"] == "status").ok_or("the filter")?;
    assert_eq!(filter["schema"]["enum"], json!(statuses));
    Ok(())
}

/// What a reader of the document would miss about a call.
fn gaps_of(call: &Value) -> Vec<String> {
    let mut gaps = Vec::new();
    if call["summary"].as_str().is_none_or(str::is_empty) {
        gaps.push("no summary".to_owned());
    }
    let parameters = call["parameters"].as_array().cloned().unwrap_or_default();
    let named = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
    gaps.extend(
        ["X-User-Id", "X-Expected-User-Id", "X-Request-Id", "traceparent"]
            .iter()
            .filter(|name| !named(name))
            .map(|name| format!("no {name}")),
    );
    let bare =
        parameters.iter().filter(|parameter| !parameter["description"].is_string() || parameter["schema"].is_null());
    gaps.extend(bare.map(|parameter| format!("a bare parameter {}", parameter["name"])));
    for (status, response) in call["responses"].as_object().into_iter().flatten() {
        gaps.extend(gaps_of_response(response).into_iter().map(|gap| format!("{status}: {gap}")));
    }
    for status in ["400", "405", "409", "500", "503"] {
        if call["responses"][status].is_null() {
            gaps.push(format!("no {status}"));
        }
    }
    gaps
}

fn gaps_of_response(response: &Value) -> Vec<String> {
    let mut gaps = Vec::new();
    if response["description"].as_str().is_none_or(str::is_empty) {
        gaps.push("no description".to_owned());
    }
    let contents: Vec<_> = response["content"].as_object().into_iter().flatten().collect();
    if contents.is_empty() {
        gaps.push("no content".to_owned());
    }
    for (media, content) in contents {
        if media == "application/problem+json" && content["examples"].as_object().is_none_or(|all| all.is_empty()) {
            gaps.push("a problem without examples".to_owned());
        }
        if content["schema"].is_null() {
            gaps.push("no schema".to_owned());
        }
    }
    gaps
}
