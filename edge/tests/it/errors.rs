//! Every error is a problem, whoever raises it: our code, the framework, a panic, the database.
//! Absent: what the codec refuses before there is a request; see the module `wire`.

use crate::harness::{Server, check_every_answer, logged, problem};
use edge::Code::{
    self, Internal, MalformedJson, MethodNotAllowed, NotFound, PayloadTooLarge, Unavailable, UnsupportedMediaType,
};
use reqwest::Response;

async fn send(server: &Server, method: &str, path: &str) -> Response {
    server.ask(method, path).send().await.expect("an answer")
}

#[tokio::test]
async fn every_code_of_the_contract_is_answered_with_its_status() {
    let contract: [(u16, &[&str]); 8] = [
        (400, &["missing_user_id", "invalid_user_id", "malformed_json", "invalid_cursor", "invalid_limit"]),
        (400, &["invalid_status", "invalid_order_id", "invalid_idempotency_key"]),
        (404, &["not_found", "order_not_found", "account_not_found"]),
        (409, &["account_exists", "order_already_final", "user_mismatch"]),
        (422, &["invalid_amount", "invalid_description", "balance_limit_exceeded", "idempotency_key_reused"]),
        (422, &["unknown_field"]),
        (503, &["overloaded", "unavailable"]),
        (500, &["internal"]),
    ];
    let mut listed: Vec<_> =
        contract.into_iter().flat_map(|(status, codes)| codes.iter().map(move |code| (status, *code))).collect();
    // The contract has the status without a code: a page of another origin may not open a WebSocket.
    listed.push((403, "origin_not_allowed"));
    listed.extend([(405, "method_not_allowed"), (413, "payload_too_large"), (415, "unsupported_media_type")]);
    listed.sort_unstable();
    let mut ours: Vec<_> = Code::ALL.iter().map(|code| (code.status().as_u16(), code.as_str())).collect();
    ours.sort_unstable();
    assert_eq!(ours, listed);
    let server = Server::start().await;
    for code in Code::ALL {
        let body = problem(send(&server, "GET", &format!("/codes/{}", code.as_str())).await, *code).await;
        assert_eq!((body["title"].as_str(), body["detail"].as_str()), (Some(code.title()), Some("It was asked for.")));
        assert_eq!(body.get("errors"), None);
    }
}

#[tokio::test]
async fn a_path_that_no_route_has_is_not_found() {
    let server = Server::start().await;
    let id = "0198c1f0-7e3c-7000-8000-000000000001";
    let paths = ["/", "/orderz", "/orders/", "//orders", "/ORDERS", "/healthz/", &format!("/orders/{id}/")];
    for path in paths {
        for method in ["GET", "POST", "OPTIONS", "BREW"] {
            problem(send(&server, method, path).await, NotFound).await;
        }
    }
}

#[tokio::test]
async fn a_method_that_a_route_has_not_is_refused_with_those_it_has() {
    let server = Server::start().await;
    for (path, allow) in [("/orders", "GET, POST"), ("/orders/1", "GET"), ("/accounts", "POST"), ("/healthz", "GET")] {
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let answer = send(&server, method, path).await;
            assert_eq!(answer.headers()["allow"], allow);
            problem(answer, MethodNotAllowed).await;
        }
    }
    problem(send(&server, "GET", "/accounts").await, MethodNotAllowed).await;
    let of_the_framework = send(&server, "POST", "/framework/method").await;
    assert_eq!(of_the_framework.headers()["allow"], "GET");
    problem(of_the_framework, MethodNotAllowed).await;
}

#[tokio::test]
async fn head_is_a_get_without_its_body() {
    let server = Server::start().await;
    for (path, status) in [("/orders", 200), ("/healthz", 200), ("/metrics", 200), ("/orders/1", 400), ("/none", 404)] {
        let (get, head) = (send(&server, "GET", path).await, send(&server, "HEAD", path).await);
        assert_eq!((get.status().as_u16(), head.status().as_u16()), (status, status), "{path}");
        assert_eq!(get.headers().get("content-type"), head.headers().get("content-type"));
        if path != "/metrics" {
            assert_eq!(get.headers().get("content-length"), head.headers().get("content-length"));
        }
        let header = |name: &str| head.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned());
        check_every_answer(header);
        assert_eq!(head.bytes().await.expect("a body").len(), 0);
    }
    let elsewhere = send(&server, "HEAD", "/accounts").await;
    assert_eq!((elsewhere.status().as_u16(), &elsewhere.headers()["allow"].to_str().expect("ASCII")), (405, &"POST"));
}

#[tokio::test]
async fn what_the_frameworks_extractors_refuse_is_a_problem_too() {
    let server = Server::start().await;
    let post = async |path: &str, media: &str, body: String| {
        server.ask("POST", path).header("content-type", media).body(body).send().await.expect("an answer")
    };
    let (json, large) = ("application/json", " ".repeat(16 * 1024 + 1));
    problem(post("/framework/json", json, "{".to_owned()).await, MalformedJson).await;
    problem(post("/framework/json", "text/plain", "{}".to_owned()).await, UnsupportedMediaType).await;
    problem(post("/framework/json", json, large.clone()).await, PayloadTooLarge).await;
    problem(post("/framework/bytes", json, large).await, PayloadTooLarge).await;
    problem(send(&server, "GET", "/framework/path/x").await, NotFound).await;
    let query = send(&server, "GET", "/framework/query?limit=x").await;
    assert_eq!(
        (query.status().as_u16(), query.headers()["content-type"].to_str().ok()),
        (400, Some("application/problem+json"))
    );
    let packed = server.ask("POST", "/framework/bytes").header("content-encoding", "gzip").body("not gzip");
    let packed = packed.send().await.expect("an answer");
    assert_eq!(
        (packed.status().as_u16(), packed.headers()["content-type"].to_str().ok()),
        (400, Some("application/problem+json"))
    );
}

#[tokio::test]
async fn nothing_internal_is_ever_shown_but_it_is_logged() {
    let server = Server::start().await;
    let cases = [
        ("/panic", Internal, "secret panic text"),
        ("/framework/secret", Internal, ""),
        ("/database/down", Unavailable, "secret host db-7"),
        ("/database/odd", Internal, "secret table orders"),
    ];
    for (path, code, secret) in cases {
        let body = problem(send(&server, "GET", path).await, code).await.to_string();
        assert!(!body.contains("secret") && !body.contains("SELECT"), "{body}");
        assert!(logged().contains(secret), "{secret} is in no log");
    }
}

#[tokio::test]
async fn a_connection_outlives_a_panic() {
    let server = Server::start().await;
    let twice = b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
    server.raw(&twice).await.problem(500, Internal.as_str());
    assert_eq!(send(&server, "GET", "/healthz").await.status(), 200);
}
