//! Identity, `Idempotency-Key` and the order's id in the path, row by row of the contract.
//! Absent: who may see what; that is the services'.

use crate::harness::{Server, USER, problem};
use edge::Code::{InvalidIdempotencyKey, InvalidOrderId, InvalidUserId, MissingUserId, UserMismatch};
use serde_json::Value;

#[tokio::test]
async fn a_user_id_is_any_visible_ascii_of_1_to_128_characters() {
    let server = Server::start().await;
    let longest = "x".repeat(128);
    for id in ["1", "user-1", "0198c1f0-7e3c-7000-8000-000000000001", "~!@#,;\"'%2F", &longest] {
        let answer = server.bare("GET", "/orders").header("x-user-id", id).send().await.expect("an answer");
        assert_eq!(answer.json::<Value>().await.expect("JSON")["user"], id);
    }
}

#[tokio::test]
async fn a_request_of_nobody_is_refused() {
    let server = Server::start().await;
    for (method, path) in [("GET", "/orders"), ("POST", "/orders"), ("GET", "/orders/1"), ("POST", "/accounts")] {
        problem(server.bare(method, path).send().await.expect("an answer"), MissingUserId).await;
    }
    let by_query = server.bare("GET", "/orders?user_id=1").send().await.expect("an answer");
    problem(by_query, MissingUserId).await;
}

#[tokio::test]
async fn a_user_id_that_is_not_one_is_refused() {
    let server = Server::start().await;
    let too_long = format!("X-User-Id: {}", "x".repeat(129));
    let cases: [&[u8]; 8] = [
        b"X-User-Id:",
        b"X-User-Id:   ",
        b"X-User-Id: a b",
        b"X-User-Id: a\tb",
        b"X-User-Id: \xc3\xa9",
        b"X-User-Id: \xff",
        too_long.as_bytes(),
        b"X-User-Id: 1\r\nx-user-id: 1",
    ];
    for header in cases {
        let answer = server.raw(&get("/orders", header)).await;
        answer.problem(400, InvalidUserId.as_str());
    }
}

#[tokio::test]
async fn white_space_around_a_user_id_belongs_to_the_header_not_to_the_id() {
    let answer = Server::start().await.raw(&get("/orders", b"X-User-Id:  user-1\t ")).await;
    assert_eq!((answer.status, answer.body.contains("\"user\":\"user-1\"")), (200, true), "{answer:?}");
}

#[tokio::test]
async fn a_client_that_believes_to_speak_for_another_is_told_whose_the_request_is_before_anything_else_is_looked_at() {
    let server = Server::start().await;
    for (method, path) in [("GET", "/orders"), ("POST", "/orders"), ("GET", "/orders/no-id"), ("POST", "/accounts")] {
        let request = server.ask(method, path).header("x-expected-user-id", "user-2").header("idempotency-key", "");
        let answer = request.body("no JSON").send().await.expect("an answer");
        assert_eq!(problem(answer, UserMismatch).await["user_id"], USER, "{method} {path}");
    }
    let right = server.ask("GET", "/orders").header("x-expected-user-id", USER).send().await.expect("an answer");
    assert_eq!(right.json::<Value>().await.expect("JSON")["user"], USER);
}

#[tokio::test]
async fn an_expected_user_that_is_none_is_refused_and_one_without_a_user_is_nobodys() {
    let server = Server::start().await;
    let too_long = format!("X-User-Id: 1\r\nX-Expected-User-Id: {}", "x".repeat(129));
    let cases: [&[u8]; 5] = [
        b"X-User-Id: 1\r\nX-Expected-User-Id:",
        b"X-User-Id: 1\r\nX-Expected-User-Id: a b",
        b"X-User-Id: 1\r\nX-Expected-User-Id: \xc3\xa9",
        too_long.as_bytes(),
        b"X-User-Id: 1\r\nX-Expected-User-Id: 1\r\nx-expected-user-id: 1",
    ];
    for header in cases {
        let body = server.raw(&get("/orders", header)).await.problem(400, InvalidUserId.as_str());
        assert!(body["detail"].as_str().is_some_and(|detail| detail.starts_with("X-Expected-User-Id ")), "{body}");
    }
    let nobody = server.raw(&get("/orders", b"X-Expected-User-Id: 1")).await;
    nobody.problem(400, MissingUserId.as_str());
}

#[tokio::test]
async fn an_idempotency_key_is_optional_and_visible_ascii_of_1_to_255_characters() {
    let server = Server::start().await;
    let longest = "k".repeat(255);
    for key in [None, Some("1"), Some("8e03978e-40d5-43dd-bc93-6894a57f9324"), Some("\"quoted\""), Some(&longest)] {
        let request = server.ask("POST", "/orders").header("content-type", "application/json").body(r#"{"amount":1}"#);
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        let body = request.send().await.expect("an answer").json::<Value>().await.expect("JSON");
        assert_eq!(body["key"].as_str(), key);
    }
}

#[tokio::test]
async fn an_idempotency_key_that_is_not_one_is_refused() {
    let server = Server::start().await;
    let too_long = format!("Idempotency-Key: {}", "k".repeat(256));
    let cases: [&[u8]; 6] = [
        b"Idempotency-Key:",
        b"Idempotency-Key: a b",
        b"Idempotency-Key: \xc3\xa9",
        too_long.as_bytes(),
        b"Idempotency-Key: 1\r\nIdempotency-Key: 1",
        b"Idempotency-Key: a b\r\nIdempotency-Key:",
    ];
    for header in cases {
        let line = format!("POST /orders HTTP/1.1\r\nHost: x\r\nX-User-Id: {USER}\r\n");
        let request = [
            line.as_bytes(),
            header,
            b"\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"amount\":1}",
        ];
        server.raw(&request.concat()).await.problem(400, InvalidIdempotencyKey.as_str());
    }
}

#[tokio::test]
async fn an_order_id_is_a_uuid_with_its_hyphens() {
    let server = Server::start().await;
    let id = "0198c1f0-7e3c-7000-8000-00000000abcd";
    for good in [id, &id.to_uppercase(), "0198c1f0%2D7e3c-7000-8000-00000000abcd"] {
        let answer = server.ask("GET", &format!("/orders/{good}")).send().await.expect("an answer");
        assert_eq!(answer.json::<Value>().await.expect("JSON")["id"], id, "{good}");
    }
    let bad = [
        "1",
        "abc",
        "0198c1f07e3c7000800000000000abcd",
        "urn:uuid:0198c1f0-7e3c-7000-8000-00000000abcd",
        "{0198c1f0-7e3c-7000-8000-00000000abcd}",
        "0198c1f0-7e3c-7000-8000-00000000abcg",
        "0198c1f0-7e3c-7000-8000-00000000abcd0",
        "%ff%fe",
        "%zz",
        "%",
        "%00",
        "..%2f..%2fetc",
        "%D0%B9",
    ];
    for id in bad {
        let path = format!("/orders/{id}");
        let answer = server.raw(&get(&path, b"X-User-Id: 1")).await;
        answer.problem(400, InvalidOrderId.as_str());
    }
}

/// A `GET` with one more header line.
pub fn get(path: &str, header: &[u8]) -> Vec<u8> {
    [format!("GET {path} HTTP/1.1\r\nHost: x\r\n").as_bytes(), header, b"\r\n\r\n"].concat()
}
