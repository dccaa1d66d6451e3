//! What the calls refuse, table by table, and that nothing is written then.

use crate::{
    calls::{create, top_up},
    service::Service,
};
use fixtures::database::TestResult;
use std::sync::Arc;

const BODIES: [(&str, u16, &str); 15] = [
    (r#"{"amount": 0.001}"#, 422, "invalid_amount"),
    (r#"{"amount": 0}"#, 422, "invalid_amount"),
    (r#"{"amount": -500}"#, 422, "invalid_amount"),
    (r#"{"amount": 1e16}"#, 422, "invalid_amount"),
    (r#"{"amount": "1e3"}"#, 422, "invalid_amount"),
    (r#"{"amount": "abc"}"#, 422, "invalid_amount"),
    (r#"{"amount": null}"#, 422, "invalid_amount"),
    (r#"{"amount": "1000000000000.01"}"#, 422, "invalid_amount"),
    (r#"{}"#, 422, "invalid_amount"),
    (r#"{"amount": "1", "description": "x"}"#, 422, "unknown_field"),
    ("", 400, "malformed_json"),
    ("nothing", 400, "malformed_json"),
    ("[]", 400, "malformed_json"),
    (r#"{"amount": "1""#, 400, "malformed_json"),
    (r#"{"amount": "1", "amount": "2"}"#, 400, "malformed_json"),
];

pub async fn bad_amounts_are_refused_and_nothing_is_written(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    for (body, status, code) in BODIES {
        service.ask(service.post("u", "/accounts/topup", body)).await?.is_problem(status, code, body);
    }
    let huge = format!(r#"{{"amount": "{}"}}"#, "1".repeat(20_000));
    service.ask(service.post("u", "/accounts/topup", huge)).await?.is_problem(413, "payload_too_large", "20 KB");
    let text = service.request("POST", "/accounts/topup").header("X-User-Id", "u").body("{\"amount\":\"1\"}");
    service.ask(text).await?.is_problem(415, "unsupported_media_type", "no media type");
    service.ask(service.post("w", "/accounts", "{\"balance\":\"5\"}")).await?.is_problem(
        422,
        "unknown_field",
        "a body",
    );
    assert_eq!(service.rows().await?, 1, "the account, and nothing else");
    Ok(())
}

pub async fn bad_headers_are_refused_and_nothing_is_written(service: Arc<Service>) -> TestResult {
    for path in ["/accounts", "/accounts/topup"] {
        let anonymous =
            || service.request("POST", path).header("Content-Type", "application/json").body("{\"amount\":\"1\"}");
        service.ask(anonymous()).await?.is_problem(400, "missing_user_id", path);
        let long = "x".repeat(129);
        for user in ["", "a b", long.as_str()] {
            service.ask(anonymous().header("X-User-Id", user)).await?.is_problem(400, "invalid_user_id", user);
        }
        let twice = anonymous().header("X-User-Id", "u").header("X-User-Id", "v");
        service.ask(twice).await?.is_problem(400, "invalid_user_id", "sent twice");
    }
    for (method, path) in [
        ("POST", "/accounts"),
        ("POST", "/accounts/topup"),
        ("GET", "/accounts/balance"),
        ("GET", "/accounts/transactions"),
    ] {
        let request =
            service.request(method, path).header("Content-Type", "application/json").body("{\"amount\":\"1\"}");
        let answer = service.ask(request.header("X-User-Id", "u").header("X-Expected-User-Id", "v")).await?;
        answer.is_problem(409, "user_mismatch", path);
        assert_eq!(answer.body["user_id"], "u", "{path}");
    }
    let keyed = service.post("u", "/accounts/topup", "{\"amount\":\"1\"}").header("Idempotency-Key", "k".repeat(256));
    service.ask(keyed).await?.is_problem(400, "invalid_idempotency_key", "256 characters");
    assert_eq!(service.rows().await?, 0);
    Ok(())
}

pub async fn bad_paths_and_queries_are_refused(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    let foreign = format!("/accounts/transactions?cursor={}", edge::seal_cursor("orders", "5"));
    for (path, status, code) in [
        ("/accounts/transactions?limit=0", 400, "invalid_limit"),
        ("/accounts/transactions?limit=101", 400, "invalid_limit"),
        ("/accounts/transactions?cursor=zzz", 400, "invalid_cursor"),
        (foreign.as_str(), 400, "invalid_cursor"),
        ("/accounts/nothing", 404, "not_found"),
        ("/accounts", 405, "method_not_allowed"),
        ("/accounts/topup", 405, "method_not_allowed"),
    ] {
        service.get("u", path).await?.is_problem(status, code, path);
    }
    Ok(())
}

pub async fn without_an_account_there_is_nothing_to_see_or_top_up(service: Arc<Service>) -> TestResult {
    top_up(&service, "u", "5").await?.is_problem(404, "account_not_found", "topup");
    for path in ["/accounts/balance", "/accounts/transactions"] {
        service.get("u", path).await?.is_problem(404, "account_not_found", path);
    }
    assert_eq!(service.rows().await?, 0);
    Ok(())
}
