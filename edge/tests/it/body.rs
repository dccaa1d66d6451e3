//! Bodies: media type, size, JSON, unknown fields, the description, and which of several faults is named.
//! Absent: amounts; see the module `money`.

use crate::harness::{Server, USER, problem};
use edge::Code::{
    self, InvalidAmount, InvalidDescription, InvalidUserId, MalformedJson, PayloadTooLarge, UnknownField,
    UnsupportedMediaType,
};
use reqwest::Response;
use serde_json::{Value, json};

const GOOD: &str = r#"{"amount": 1}"#;

async fn post_as(server: &Server, path: &str, content_type: Option<&str>, body: impl Into<reqwest::Body>) -> Response {
    let request = server.ask("POST", path).body(body);
    let request = content_type.into_iter().fold(request, |request, media| request.header("content-type", media));
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn only_json_in_utf_8_is_read() {
    let server = Server::start().await;
    let good = ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\"; v=1"];
    for media in good {
        assert_eq!(post_as(&server, "/orders", Some(media), GOOD).await.status(), 201, "{media}");
    }
    let bad = [
        "",
        "text/plain",
        "application/json-patch+json",
        "application/xml",
        "json",
        "application/json; charset=koi8-r",
    ];
    for media in bad {
        problem(post_as(&server, "/orders", Some(media), GOOD).await, UnsupportedMediaType).await;
    }
    problem(post_as(&server, "/orders", None, GOOD).await, UnsupportedMediaType).await;
    let packed = server.ask("POST", "/orders").header("content-type", "application/json");
    let packed = packed.header("content-encoding", "gzip").body(GOOD).send().await.expect("an answer");
    problem(packed, UnsupportedMediaType).await;
}

#[tokio::test]
async fn sixteen_kibibytes_are_read_and_one_more_byte_is_not() {
    let server = Server::start().await;
    let padded = |len: usize| format!("{GOOD}{}", " ".repeat(len - GOOD.len()));
    assert_eq!(server.post(&padded(16 * 1024)).await.status(), 201);
    problem(server.post(&padded(16 * 1024 + 1)).await, PayloadTooLarge).await;
    problem(server.post(&padded(16 * 1024 * 1024)).await, PayloadTooLarge).await;
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_before_it_is_sent() {
    let server = Server::start().await;
    for announced in ["16385", "18446744073709551615"] {
        server.raw(&head(&format!("Content-Length: {announced}\r\n"))).await.problem(413, PayloadTooLarge.as_str());
    }
}

#[tokio::test]
async fn a_body_in_chunks_is_read_like_any_other() {
    let server = Server::start().await;
    let chunked = head("Transfer-Encoding: chunked\r\n");
    let good = server.raw(&[&chunked[..], b"5\r\n{\"amo\r\n8\r\nunt\": 1}\r\n0\r\n\r\n"].concat()).await;
    assert_eq!(good.status, 201, "{good:?}");
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    let large = [&chunked[..], chunk.as_bytes(), b"1\r\n \r\n0\r\n\r\n"].concat();
    server.raw(&large).await.problem(413, PayloadTooLarge.as_str());
    server.raw(&[&chunked[..], b"zz\r\n{}\r\n0\r\n\r\n"].concat()).await.problem(400, MalformedJson.as_str());
}

#[tokio::test]
async fn what_is_not_one_json_object_is_malformed() {
    let server = Server::start().await;
    let (bomb, deep) = ("[".repeat(16_000), format!(r#"{{"amount": {}1{}}}"#, "[".repeat(40), "]".repeat(40)));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(2_500), "}".repeat(2_500));
    let bad = [
        "",
        " ",
        "null",
        "1",
        r#""text""#,
        "[]",
        "[{}]",
        "{",
        "}",
        "{}{}",
        "{} x",
        r#"{"amount": 1,}"#,
        "{amount: 1}",
        r#"{'amount': 1}"#,
        r#"{"amount": 01}"#,
        r#"{"amount": 1.}"#,
        r#"{"amount": .5}"#,
        r#"{"amount": +1}"#,
        r#"{"amount": NaN}"#,
        r#"{"amount": 1, "amount": 1}"#,
        r#"{"amount": 1, "\u0061mount": 2}"#,
        "\u{feff}{}",
        r#"{"amount": 1} // comment"#,
        &bomb,
        &deep,
        &objects,
        "{\"description\": \"a\nb\"}",
        r#"{"\ud800": 1}"#,
    ];
    for body in bad {
        problem(server.post(body).await, MalformedJson).await;
    }
    let not_utf_8 =
        post_as(&server, "/orders", Some("application/json"), b"{\"description\": \"\xff\"}".to_vec()).await;
    problem(not_utf_8, MalformedJson).await;
}

#[tokio::test]
async fn brackets_inside_a_text_are_no_nesting() {
    let server = Server::start().await;
    let text = r#"[[[[{{{{ \" [[[["#.repeat(20);
    let answer = server.post(&format!(r#"{{"amount": 1, "description": "{text}"}}"#)).await;
    assert_eq!(answer.status(), 201);
}

#[tokio::test]
async fn every_unknown_field_is_named() {
    let server = Server::start().await;
    let body = problem(server.post(r#"{"ammount": 1, "amount": 1, "Amount": null, "": []}"#).await, UnknownField).await;
    let mut named: Vec<_> = body["errors"].as_array().expect("fields").iter().map(|at| at["field"].clone()).collect();
    named.sort_by_key(Value::to_string);
    assert_eq!(named, ["", "Amount", "ammount"]);
}

#[tokio::test]
async fn a_description_is_a_text_of_at_most_512_characters() {
    let server = Server::start().await;
    let longest = "ы".repeat(512);
    for (sent, kept) in [
        (json!(null), json!(null)),
        (json!(""), json!("")),
        (json!("два \"слова\"\n"), json!("два \"слова\"\n")),
        (json!(longest), json!(longest)),
        (json!("🧾".repeat(512)), json!("🧾".repeat(512))),
    ] {
        let answer = server.post(&json!({"amount": 1, "description": sent}).to_string()).await;
        assert_eq!(answer.json::<Value>().await.expect("JSON")["description"], kept);
    }
    for bad in [json!(1), json!(true), json!([]), json!({}), json!("ы".repeat(513)), json!("a\0b")] {
        let answer = server.post(&json!({"amount": 1, "description": bad}).to_string()).await;
        assert_eq!(problem(answer, InvalidDescription).await["errors"][0]["field"], "description");
    }
    problem(server.post(r#"{"amount": 1, "description": "\udc00"}"#).await, InvalidDescription).await;
}

#[tokio::test]
async fn where_a_body_may_be_left_out_nothing_is_the_same_as_an_empty_object() {
    let server = Server::start().await;
    let json = Some("application/json");
    for (media, body) in [(None, ""), (json, ""), (json, "{}"), (json, " { } ")] {
        assert_eq!(post_as(&server, "/accounts", media, body).await.status(), 201, "{media:?} {body:?}");
    }
    let bare = format!("POST /accounts HTTP/1.1\r\nHost: x\r\nX-User-Id: {USER}\r\n");
    for rest in ["\r\n", "Content-Length: 0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] {
        assert_eq!(server.raw(format!("{bare}{rest}").as_bytes()).await.status, 201, "{rest}");
    }
    problem(post_as(&server, "/accounts", None, "{}").await, UnsupportedMediaType).await;
    problem(post_as(&server, "/accounts", json, "[]").await, MalformedJson).await;
    problem(post_as(&server, "/accounts", json, r#"{"currency": "RUB"}"#).await, UnknownField).await;
}

#[tokio::test]
async fn of_several_faults_the_first_in_the_order_of_reading_is_named() {
    let server = Server::start().await;
    let large = "x".repeat(20_000);
    let order: [(&str, Option<&str>, &str, Code); 6] = [
        ("a b", None, &large, InvalidUserId),
        (USER, Some("text/plain"), &large, UnsupportedMediaType),
        (USER, Some("application/json"), &large, PayloadTooLarge),
        (USER, Some("application/json"), r#"{"x": 1, "x": 1"#, MalformedJson),
        (USER, Some("application/json"), r#"{"x": 1, "amount": 0}"#, UnknownField),
        (USER, Some("application/json"), r#"{"amount": 0, "description": 1}"#, InvalidAmount),
    ];
    for (user, media, body, code) in order {
        let request = server.bare("POST", "/orders").header("x-user-id", user).body(body.to_owned());
        let request = media.into_iter().fold(request, |request, media| request.header("content-type", media));
        problem(request.send().await.expect("an answer"), code).await;
    }
}

fn head(more: &str) -> Vec<u8> {
    let head = format!("POST /orders HTTP/1.1\r\nHost: x\r\nX-User-Id: {USER}\r\nContent-Type: application/json\r\n");
    format!("{head}{more}\r\n").into_bytes()
}
