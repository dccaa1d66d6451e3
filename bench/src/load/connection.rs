//! One kept connection to the shop: a request's bytes out, an answer in. Absent: chunked bodies, which the shop does not send
//! here, and a second request before the first is answered.

use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Grows for a longer answer, once.
const BUFFER: usize = 4096;
/// More than any answer of the shop has.
const MOST_HEADERS: usize = 32;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer; its body lies in the connection's buffer.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// How many seconds to stay away.
    pub retry_after: Option<u64>,
    /// Its body.
    pub body: &'a [u8],
}

#[derive(Debug)]
struct Head {
    status: u16,
    retry_after: Option<u64>,
    /// Where the body begins.
    length: usize,
    body_length: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("nobody listens on {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(BUFFER) })
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is no HTTP.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let head = loop {
            self.receive().await?;
            if let Some(head) = Head::parse(&self.received)? {
                break head;
            }
        };
        let end = head.length + head.body_length;
        while self.received.len() < end {
            self.receive().await?;
        }
        Ok(Answer { status: head.status, retry_after: head.retry_after, body: &self.received[head.length..end] })
    }

    async fn receive(&mut self) -> Result<()> {
        ensure!(self.stream.read_buf(&mut self.received).await? > 0, "the shop closed the connection");
        Ok(())
    }
}

impl Head {
    fn parse(received: &[u8]) -> Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = response.parse(received)? else { return Ok(None) };
        let Some(body_length) = number(response.headers, "content-length") else { bail!("an answer without length") };
        Ok(Some(Self {
            status: response.code.context("an answer has a status")?,
            retry_after: number(response.headers, "retry-after"),
            length,
            body_length: usize::try_from(body_length)?,
        }))
    }
}

fn number(headers: &[httparse::Header<'_>], name: &str) -> Option<u64> {
    let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let whole = b"HTTP/1.1 503 X\r\nRetry-After: 2\r\ncontent-length: 4\r\n\r\nbody";
        let cut = whole.len() - 7;
        assert!(Head::parse(&whole[..cut]).unwrap().is_none());
        let head = Head::parse(whole).unwrap().unwrap();
        assert_eq!((head.status, head.retry_after, head.body_length), (503, Some(2), 4));
        assert_eq!(&whole[head.length..], b"body");
    }

    #[test]
    fn an_answer_without_length_is_refused() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
