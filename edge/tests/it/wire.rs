//! Requests that are not even HTTP: the codec refuses them, and still the client gets a problem.
//! Absent: everything that reaches a route.

use crate::harness::{Raw, Server};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

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
