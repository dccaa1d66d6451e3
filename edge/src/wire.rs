//! The connection under the HTTP codec: a broken request head never reaches the application, the codec refuses it with a
//! bare status, and here that status gets its problem. A client that keeps us waiting is let go (`patience`).
//! Absent: parsing requests, and touching any other answer.

use crate::{
    patience::{Patience, Work},
    problem::{MEDIA_TYPE, body_of_status},
};
use actix_web::http::StatusCode;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use uuid::Uuid;

/// The headers that the codec itself writes. An answer of the application always has more, so it is never taken for one.
const BARE: [&str; 3] = ["content-length: 0", "connection: ", "date: "];

/// A client's connection.
pub(crate) struct Wire {
    stream: TcpStream,
    problem: Option<Substitute>,
    patience: Patience,
}

/// What is written in the place of a bare refusal.
struct Substitute {
    bytes: Vec<u8>,
    written: usize,
    instead_of: usize,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, problem: None, patience: Patience::default() }
    }

    /// What is under way on it, for whoever serves its requests.
    pub(crate) fn work(&self) -> Work {
        self.patience.work()
    }
}

impl Wire {
    /// The codec's refusal is the last thing it writes; what stands before it is written as it is.
    fn poll_put(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, problem, .. } = &mut *self;
        if problem.is_none() {
            match bare_refusal(buf) {
                None => return Pin::new(stream).poll_write(cx, buf),
                Some((0, status)) => *problem = Some(Substitute::of(status, buf.len())),
                Some((start, _)) => return Pin::new(stream).poll_write(cx, &buf[..start]),
            }
        }
        while let Some(left) = problem.as_mut().filter(|problem| problem.written < problem.bytes.len()) {
            match ready!(Pin::new(&mut *stream).poll_write(cx, &left.bytes[left.written..]))? {
                0 => return Poll::Ready(Ok(0)),
                written => left.written += written,
            }
        }
        Poll::Ready(Ok(problem.take().map_or(0, |problem| problem.instead_of)))
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        match read {
            Poll::Pending => self.patience.poll_reading(cx),
            Poll::Ready(_) => {
                self.patience.has_read(buf.filled().len() - before);
                read
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.as_mut().poll_put(cx, buf) {
            Poll::Pending => self.patience.poll_writing(cx),
            written => {
                self.patience.has_written(cx);
                written
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Substitute {
    fn of(status: StatusCode, instead_of: usize) -> Self {
        tracing::debug!(status = status.as_u16(), "a request was refused before it could be read");
        let body = serde_json::to_string(&body_of_status(status)).unwrap_or_default();
        let head = [
            format!("HTTP/1.1 {status}"),
            format!("content-length: {}", body.len()),
            format!("content-type: {MEDIA_TYPE}"),
            format!("x-request-id: {}", Uuid::now_v7()),
            "x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close".to_owned(),
        ];
        let bytes = format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes();
        Self { bytes, written: 0, instead_of }
    }
}

/// Where the bare refusal at the end of the bytes starts, and its status, if there is one.
/// A body cannot look like one: ours are JSON, where a line's end is escaped.
fn bare_refusal(bytes: &[u8]) -> Option<(usize, StatusCode)> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let start = bytes.windows(7).rposition(|window| window == b"HTTP/1.")?;
    let mut lines = std::str::from_utf8(&bytes[start..]).ok()?.trim_end().split("\r\n");
    let status: StatusCode = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let is_error = status.is_client_error() || status.is_server_error();
    let bare = lines.all(|line| BARE.iter().any(|header| line.starts_with(header)));
    (is_error && bare).then_some((start, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: today\r\n\r\n";

    #[test]
    fn only_the_codecs_own_refusal_is_taken_for_one_wherever_it_starts() {
        assert_eq!(bare_refusal(BAD.as_bytes()), Some((0, StatusCode::BAD_REQUEST)));
        let pipelined = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok{BAD}");
        assert_eq!(bare_refusal(pipelined.as_bytes()), Some((pipelined.len() - BAD.len(), StatusCode::BAD_REQUEST)));
    }

    #[test]
    fn every_other_answer_passes_as_it_is() {
        let others = [
            "",
            "\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\ndate: today\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-request-id: 1\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\nbody",
        ];
        for other in others {
            assert_eq!(bare_refusal(other.as_bytes()), None, "{other}");
        }
        assert_eq!(bare_refusal(&BAD.as_bytes()[..BAD.len() - 1]), None);
        assert_eq!(bare_refusal(&BAD.as_bytes()[1..]), None);
    }
}
