//! Requests that are not even HTTP: the codec refuses them, and still the client gets a problem.
//! Absent: everything that reaches a route.

use crate::harness::{Raw, Server};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The pause before a slow client's next byte.
const TRICKLE: Duration = Duration::from_millis(250);

#[tokio::test]
async fn a_head_that_cannot_be_read_is_a_problem_and_the_end_of_the_connection() {
    let server = Server::start().await;
    let heads: [&[u8]; 8] = [
        b"nonsense\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ];
    for head in heads {
        let answer = server.raw(head).await;
        assert_eq!(answer.headers["connection"], "close");
        answer.problem(400, "bad_request");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_a_problem() {
    let server = Server::start().await;
    let head = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(200_000));
    server.raw(head.as_bytes()).await.problem(431, "request_header_fields_too_large");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_a_problem() {
    let server = Server::start().await;
    server.raw(b"GET / HT").await.problem(408, "request_timeout");
}

/// What comes back until the connection ends, to these bytes and then one more whenever the server has been silent for a moment.
async fn trickled(server: &Server, first: &[u8], more: u8) -> String {
    let mut stream = tokio::net::TcpStream::connect(server.address).await.expect("it listens");
    stream.write_all(first).await.expect("it reads");
    let (mut answer, mut byte) = (Vec::new(), [0]);
    loop {
        match tokio::time::timeout(TRICKLE, stream.read(&mut byte)).await {
            Ok(Ok(1)) => answer.push(byte[0]),
            Ok(_) => return String::from_utf8(answer).expect("UTF-8"),
            // It has gone if it does not take this; the next read says so.
            Err(_) => drop(stream.write_all(&[more]).await),
        }
    }
}

#[tokio::test]
async fn a_later_head_that_comes_byte_by_byte_ends_the_connection() {
    let server = Server::start().await;
    let answer = trickled(&server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nA: ", b'a').await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
}

#[tokio::test]
async fn an_unwanted_body_that_comes_byte_by_byte_ends_the_connection() {
    let server = Server::start().await;
    let head = b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n";
    let answer = trickled(&server, head, b'a').await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[tokio::test]
async fn chunks_that_stop_after_the_refusal_end_the_connection() {
    let server = Server::start().await;
    let head = b"POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n";
    let mut stream = tokio::net::TcpStream::connect(server.address).await.expect("it listens");
    stream.write_all(head).await.expect("it reads");
    let mut answer = String::new();
    let ended = tokio::time::timeout(Duration::from_secs(60), stream.read_to_string(&mut answer)).await;
    ended.expect("the connection is let go").expect("text");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[tokio::test]
async fn a_client_that_asks_and_asks_and_reads_nothing_loses_its_connection() {
    let server = Server::start().await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.expect("it listens");
    let asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    // In the end there is no room for another request; then only the end of the connection ends this.
    while stream.write_all(&asked).await.is_ok() {}
}

#[tokio::test]
async fn a_good_request_before_a_broken_one_has_its_own_answer() {
    let server = Server::start().await;
    let address = server.address;
    let talk = move || {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n").expect("it reads");
        let answers = (Raw::read(&mut stream), Raw::read(&mut stream));
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the end");
        (answers, rest)
    };
    let ((good, broken), rest) = tokio::task::spawn_blocking(talk).await.expect("both answers");
    assert_eq!((good.status, good.body.as_str(), rest.len()), (200, r#"{"status":"ok"}"#, 0));
    broken.problem(400, "bad_request");
}
