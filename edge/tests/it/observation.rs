//! Request ids, traces, metrics and the log's line.
//! Absent: exporting any of it.

use crate::{
    harness::{Server, USER, logged},
    headers::get,
};
use serde_json::Value;
use uuid::{Uuid, Version};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn a_decent_request_id_is_kept_and_any_other_is_replaced() {
    let server = Server::start().await;
    let longest = "r".repeat(128);
    for id in ["1", "req~!", &longest] {
        let answer = server.raw(&get("/healthz", format!("X-Request-Id: {id}").as_bytes())).await;
        assert_eq!(answer.headers["x-request-id"], id);
    }
    let too_long = format!("X-Request-Id: {}", "r".repeat(129));
    let cases: [&[u8]; 6] = [
        b"X-A: 1",
        b"X-Request-Id:",
        b"X-Request-Id: a b",
        b"X-Request-Id: \xff",
        b"X-Request-Id: 1\r\nX-Request-Id: 2",
        too_long.as_bytes(),
    ];
    for header in cases {
        let id = server.raw(&get("/healthz", header)).await.headers["x-request-id"].clone();
        assert_eq!(Uuid::try_parse(&id).expect("a UUID").get_version(), Some(Version::SortRand));
    }
}

#[tokio::test]
async fn a_valid_traceparent_is_taken_over_and_any_other_is_replaced() {
    let server = Server::start().await;
    assert_eq!(server.raw(&get("/trace", format!("traceparent: {TRACE}").as_bytes())).await.body, TRACE);
    for bad in ["", "1", &TRACE.to_uppercase(), &format!("{TRACE}\r\ntraceparent: {TRACE}")] {
        let made = server.raw(&get("/trace", format!("traceparent: {bad}").as_bytes())).await.body;
        assert_eq!((made.len(), made == TRACE), (TRACE.len(), false), "{made}");
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_not_by_path() {
    let server = Server::start().await;
    for (method, path) in
        [("GET", "/orders/1"), ("GET", "/orders/2"), ("GET", "/x/1"), ("BREW", "/x/2"), ("HEAD", "/panic")]
    {
        server.ask(method, path).send().await.expect("an answer");
    }
    let answer = server.bare("GET", "/metrics").send().await.expect("an answer");
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.headers()["content-type"], media);
    let text = answer.text().await.expect("a text");
    for line in [
        r#"http_requests_total{method="GET",route="/orders/{id}",status="400"} 2"#,
        r#"http_requests_total{method="GET",route="unmatched",status="404"} 1"#,
        r#"http_requests_total{method="other",route="unmatched",status="404"} 1"#,
        r#"http_requests_total{method="HEAD",route="/panic",status="500"} 1"#,
        r#"http_request_duration_seconds_count{method="GET",route="/orders/{id}"} 2"#,
        r#"http_request_duration_seconds_bucket{le="10.0",method="GET",route="/orders/{id}"} 2"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn every_request_leaves_one_line_with_all_that_is_known_of_it() {
    let server = Server::start().await;
    for (path, status, level) in
        [("/orders", 200, "DEBUG"), ("/orders/1", 400, "DEBUG"), ("/codes/internal", 500, "ERROR")]
    {
        let id = Uuid::new_v4().to_string();
        let request = server.ask("GET", path).header("x-request-id", &id).header("traceparent", TRACE);
        request.send().await.expect("an answer");
        let log = logged();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&id)).collect();
        let [line] = lines[..] else { panic!("not one line: {lines:#?}") };
        let line: Value = serde_json::from_str(line).expect("JSON");
        let span = &line["span"];
        assert_eq!((&line["level"], &line["fields"]["status"]), (&level.into(), &status.into()), "{line}");
        assert_eq!((&span["http.method"], &span["http.status"]), (&"GET".into(), &status.into()), "{line}");
        assert_eq!((&span["trace.id"], &span["user.id"]), (&TRACE[3..35].into(), &USER.into()), "{line}");
        assert!(span["http.route"].as_str().is_some_and(|route| route.starts_with('/')), "{line}");
    }
}
