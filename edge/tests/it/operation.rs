//! `/healthz`, `/readyz` and that the server starts, stops and bounds what it waits for.
//! Absent: real checks.

use crate::harness::{ARRIVED, GATE, Server, problem};
use edge::{Check, Code::MethodNotAllowed, Health};
use serde_json::{Value, json};
use std::{future::pending, sync::Arc, time::Instant};
use tokio::net::TcpStream;

fn check(name: &'static str, outcome: Result<&'static [&'static str], &'static str>) -> Check {
    let run = move || -> futures_util::future::BoxFuture<'static, Health> {
        let doubts = outcome.map(|doubts| doubts.iter().map(ToString::to_string).collect());
        Box::pin(async move { doubts.map_err(str::to_owned) })
    };
    Check { name, run: Arc::new(run) }
}

#[tokio::test]
async fn a_service_lives_and_is_ready_when_every_part_is_there() {
    let server = Server::start_with(vec![check("database", Ok(&[])), check("broker", Ok(&[]))]).await;
    for path in ["/healthz", "/readyz"] {
        let answer = server.bare("GET", path).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({"status": "ok"}));
    }
    problem(server.bare("POST", "/readyz").send().await.expect("an answer"), MethodNotAllowed).await;
}

#[tokio::test]
async fn a_service_that_lacks_a_part_says_which_and_why() {
    let stuck = Check { name: "clock", run: Arc::new(|| Box::pin(pending())) };
    let server = Server::start_with(vec![check("database", Ok(&[])), check("broker", Err("refused")), stuck]).await;
    let since = Instant::now();
    let answer = server.bare("GET", "/readyz").send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"1".parse().expect("a header")));
    let failing = json!([{"part": "broker", "why": "refused"}, {"part": "clock", "why": "no answer within 2s"}]);
    assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({"status": "unavailable", "failing": failing}));
    assert!(since.elapsed().as_secs() < 10);
    assert_eq!(server.bare("GET", "/healthz").send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_service_that_an_operator_must_look_at_takes_traffic_and_says_why() {
    let server = Server::start_with(vec![check("database", Ok(&["no fsync", "full"])), check("broker", Ok(&[]))]).await;
    let degraded = json!([{"part": "database", "why": "no fsync"}, {"part": "database", "why": "full"}]);
    for (path, status) in [("/readyz", 200), ("/readyz?full", 503), ("/readyz?a&full=", 503), ("/readyz?fully", 200)] {
        let answer = server.bare("GET", path).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({"status": "degraded", "degraded": degraded}));
    }
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_answers_what_it_has_begun() {
    let mut server = Server::start().await;
    let begun = tokio::spawn(server.bare("GET", "/gate").send());
    ARRIVED.acquire().await.expect("it is never closed").forget();
    let stopped = tokio::spawn(server.handle.stop(true));
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await; // until it takes no more
    }
    GATE.add_permits(1);
    let answer = begun.await.expect("it is sent").expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.text().await.expect("a body").as_str()), (200, "through"));
    stopped.await.expect("it stops");
    assert!((&mut server.running).await.expect("it ends").is_ok());
}

#[tokio::test]
async fn a_body_that_is_waited_for_with_expect_is_asked_for() {
    let server = Server::start().await;
    let head = "POST /orders HTTP/1.1\r\nHost: x\r\nX-User-Id: 1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n";
    let answer = server.raw(format!("{head}Content-Length: 12\r\n\r\n{{\"amount\":1}}").as_bytes()).await;
    assert_eq!(answer.status, 201);
    server.raw(format!("{head}Content-Length: 99999\r\n\r\n").as_bytes()).await.problem(413, "payload_too_large");
}
