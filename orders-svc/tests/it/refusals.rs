//! What the calls refuse, table by table, and that nothing is written then.

use crate::service::Service;
use fixtures::database::TestResult;
use std::sync::Arc;

/// Bodies of `POST /orders` with the status and code that each gets.
const BODIES: [(&str, u16, &str); 32] = [
    (r#"{"amount": 0.001}"#, 422, "invalid_amount"),
    (r#"{"amount": 0}"#, 422, "invalid_amount"),
    (r#"{"amount": -500}"#, 422, "invalid_amount"),
    (r#"{"amount": 1e16}"#, 422, "invalid_amount"),
    (r#"{"amount": 1e3}"#, 422, "invalid_amount"),
    (r#"{"amount": "1e3"}"#, 422, "invalid_amount"),
    (r#"{"amount": "abc"}"#, 422, "invalid_amount"),
    (r#"{"amount": ""}"#, 422, "invalid_amount"),
    (r#"{"amount": " 5"}"#, 422, "invalid_amount"),
    (r#"{"amount": null}"#, 422, "invalid_amount"),
    (r#"{"amount": true}"#, 422, "invalid_amount"),
    (r#"{"amount": []}"#, 422, "invalid_amount"),
    (r#"{"amount": {}}"#, 422, "invalid_amount"),
    (r#"{"amount": 50.005}"#, 422, "invalid_amount"),
    (r#"{"amount": "1000000000000.01"}"#, 422, "invalid_amount"),
    (r#"{"amount": 99999999999999999999999999999999}"#, 422, "invalid_amount"),
    (r#"{}"#, 422, "invalid_amount"),
    (r#"{"description": "x"}"#, 422, "invalid_amount"),
    (r#"{"amount": "1", "description": 5}"#, 422, "invalid_description"),
    (r#"{"amount": "1", "description": "a\u0000b"}"#, 422, "invalid_description"),
    (r#"{"amount": "1", "amonut": "2"}"#, 422, "unknown_field"),
    (r#"{"amount": "1", "user_id": "x"}"#, 422, "unknown_field"),
    ("", 400, "malformed_json"),
    ("nothing", 400, "malformed_json"),
    ("[]", 400, "malformed_json"),
    ("\"text\"", 400, "malformed_json"),
    ("null", 400, "malformed_json"),
    (r#"{"amount": "1""#, 400, "malformed_json"),
    (r#"{"amount": "1"} x"#, 400, "malformed_json"),
    (r#"{"amount": "1", "amount": "2"}"#, 400, "malformed_json"),
    (r#"{'amount': '1'}"#, 400, "malformed_json"),
    (r#"{"amount": NaN}"#, 400, "malformed_json"),
];

pub async fn bad_bodies_are_refused_and_nothing_is_written(service: Arc<Service>) -> TestResult {
    for (body, status, code) in BODIES {
        service.ask(service.post("u", "/orders", body)).await?.is_problem(status, code, body);
    }
    let long = format!(r#"{{"amount": "1", "description": "{}"}}"#, "ы".repeat(513));
    let refused = service.ask(service.post("u", "/orders", long)).await?;
    refused.is_problem(422, "invalid_description", "513 characters");
    assert_eq!(refused.body["errors"][0]["field"], "description");
    let huge = format!(r#"{{"amount": "1", "description": "{}"}}"#, "x".repeat(20_000));
    service.ask(service.post("u", "/orders", huge)).await?.is_problem(413, "payload_too_large", "20 KB");
    for media in ["text/plain", "application/xml", "application/x-www-form-urlencoded"] {
        let request = service.request("POST", "/orders").header("X-User-Id", "u").header("Content-Type", media);
        service.ask(request.body("{\"amount\":\"1\"}")).await?.is_problem(415, "unsupported_media_type", media);
    }
    let none = service.request("POST", "/orders").header("X-User-Id", "u").body("{\"amount\":\"1\"}");
    service.ask(none).await?.is_problem(415, "unsupported_media_type", "no media type");
    assert_eq!(service.rows().await?, 0);
    Ok(())
}

pub async fn bad_headers_are_refused_and_nothing_is_written(service: Arc<Service>) -> TestResult {
    let body = "{\"amount\":\"1\"}";
    let anonymous = || service.request("POST", "/orders").header("Content-Type", "application/json").body(body);
    service.ask(anonymous()).await?.is_problem(400, "missing_user_id", "no user");
    let long = "x".repeat(129);
    for user in ["", "a b", "tab\there", long.as_str()] {
        service.ask(anonymous().header("X-User-Id", user)).await?.is_problem(400, "invalid_user_id", user);
    }
    let twice = anonymous().header("X-User-Id", "u").header("X-User-Id", "u");
    service.ask(twice).await?.is_problem(400, "invalid_user_id", "sent twice");
    let order = "/orders/0198c1f0-7e3c-7000-8000-000000000001";
    let calls = [("GET", "/orders".to_owned()), ("GET", order.to_owned()), ("POST", "/orders".to_owned())];
    let more = [("GET", format!("{order}/timeline")), ("POST", format!("{order}/cancel"))];
    for (method, path) in calls.into_iter().chain(more) {
        let request = service.request(method, &path).header("Content-Type", "application/json").body(body);
        let request = request.header("X-User-Id", "u").header("X-Expected-User-Id", "v");
        let answer = service.ask(request).await?;
        answer.is_problem(409, "user_mismatch", &path);
        assert_eq!(answer.body["user_id"], "u", "{path}");
    }
    let long = "k".repeat(256);
    for key in ["", "a b", long.as_str()] {
        let request = service.post("u", "/orders", body).header("Idempotency-Key", key);
        service.ask(request).await?.is_problem(400, "invalid_idempotency_key", key);
    }
    assert_eq!(service.rows().await?, 0);
    let fits = service.post(&"x".repeat(128), "/orders", body).header("Idempotency-Key", "k".repeat(255));
    assert_eq!(service.ask(fits).await?.status, 201, "the longest that fit");
    Ok(())
}

pub async fn bad_paths_and_queries_are_refused(service: Arc<Service>) -> TestResult {
    for (path, status, code) in [
        ("/orders/1", 400, "invalid_order_id"),
        ("/orders/0198c1f07e3c70008000000000000001", 400, "invalid_order_id"),
        ("/orders/0198c1f0-7e3c-7000-8000-000000000001", 404, "order_not_found"),
        ("/orders/1/timeline", 400, "invalid_order_id"),
        ("/orders/0198c1f0-7e3c-7000-8000-000000000001/timeline", 404, "order_not_found"),
        ("/orders?limit=0", 400, "invalid_limit"),
        ("/orders?limit=101", 400, "invalid_limit"),
        ("/orders?limit=ten", 400, "invalid_limit"),
        ("/orders?limit=-1", 400, "invalid_limit"),
        ("/orders?cursor=", 400, "invalid_cursor"),
        ("/orders?cursor=AAAA", 400, "invalid_cursor"),
        ("/orders?status=PAID", 400, "invalid_status"),
        ("/orders?status=new", 400, "invalid_status"),
        ("/orders/", 404, "not_found"),
        ("/nothing", 404, "not_found"),
        ("/orders/0198c1f0-7e3c-7000-8000-000000000001/nothing", 404, "not_found"),
    ] {
        service.get("u", path).await?.is_problem(status, code, path);
    }
    let foreign = edge::seal_cursor("transactions", "5");
    service.get("u", &format!("/orders?cursor={foreign}")).await?.is_problem(400, "invalid_cursor", "another list's");
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let refused = service.ask(service.request(method, "/orders").header("X-User-Id", "u")).await?;
        refused.is_problem(405, "method_not_allowed", method);
        assert_eq!(refused.header("allow"), Some("GET, POST"), "{method}");
    }
    Ok(())
}

pub async fn without_a_database_the_answer_is_unavailable(service: Arc<Service>) -> TestResult {
    use sea_orm::ConnectionTrait;
    service.store.connection().execute_unprepared("ALTER TABLE orders RENAME TO elsewhere").await?;
    let placed = service.ask(service.post("u", "/orders", "{\"amount\":\"1\"}")).await?;
    for (answer, of) in [(placed, "POST"), (service.get("u", "/orders").await?, "GET")] {
        answer.is_problem(503, "unavailable", of);
        assert!(answer.header("retry-after").is_some(), "{of}");
        assert!(!answer.body.to_string().contains("elsewhere") && !answer.body.to_string().contains("table"), "{of}");
    }
    service.store.connection().execute_unprepared("ALTER TABLE elsewhere RENAME TO orders").await?;
    let placed = service.ask(service.post("u", "/orders", "{\"amount\":\"1\"}")).await?;
    assert_eq!(placed.status, 201, "it goes on when the database does");
    Ok(())
}
