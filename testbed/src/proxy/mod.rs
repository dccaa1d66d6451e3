//! A faulty network in front of one server: cuts, refusals, stalls and delays on demand.
//!
//! Absent: protocols (it moves bytes), faults at random or by a timer (a test says when), UDP, IPv6.

mod address;
mod carry;
mod line;

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::place::free_address;
use line::Line;

pub use address::address_of;

/// The knock that wakes the listening thread goes through loopback.
const KNOCK_LIMIT: Duration = Duration::from_secs(1);

/// A TCP proxy on loopback before one server. The faults combine; each lasts until it is taken back. On `Drop` all
/// connections are cut and all its threads have ended.
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    listening: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy on a free port of 127.0.0.1 before the server at `target`, which need not run yet.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(target: SocketAddr) -> Result<Proxy> {
        let address = free_address()?;
        let line = Arc::new(Line::to(target, TcpListener::bind(address)?));
        let listening = thread::Builder::new().name("proxy".to_owned()).spawn({
            let line = Arc::clone(&line);
            move || carry::listen(&line)
        })?;
        Ok(Proxy { address, line, listening: Some(listening) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same URL (`amqp://…`, `postgres://…`) with this proxy's host and port in place of the server's.
    #[must_use]
    pub fn url(&self, server_url: &str) -> String {
        address::with_address(server_url, self.address)
    }

    /// How many connections it carries now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.line.connections()
    }

    /// Drops all connections now, at both ends. New ones are taken.
    pub fn cut(&self) {
        self.line.cut();
    }

    /// While `true`, connecting fails at once ("connection refused"); open connections go on. In force on return.
    ///
    /// # Errors
    /// When the port cannot be had again, which another program would have to have taken.
    pub fn refuse(&self, refused: bool) -> Result<()> {
        if refused == self.line.is_refusing() {
            return Ok(());
        }
        if !refused {
            let listener = TcpListener::bind(self.address).context("the proxy's port was taken meanwhile")?;
            self.line.listen_again(listener);
            return Ok(());
        }
        self.line.refuse();
        self.knock();
        self.line.wait_until_deaf();
        Ok(())
    }

    /// While `true`, connections stay open and new ones are taken, but no byte moves and no end is reported. No byte is
    /// lost: what was under way arrives afterwards, unless the connection is [`cut`](Self::cut).
    pub fn stall(&self, stalled: bool) {
        self.line.stall(stalled);
    }

    /// Each piece (at most 64 KiB) waits this long before it goes on, in both directions; zero takes it back.
    pub fn delay(&self, delay: Duration) {
        self.line.delay(delay);
    }

    /// Lets the listening thread look at the line's state. Failing means it does not listen, and so is looking already.
    fn knock(&self) {
        drop(TcpStream::connect_timeout(&self.address, KNOCK_LIMIT));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.close();
        self.knock();
        if self.listening.take().is_some_and(|listening| listening.join().is_err()) {
            eprintln!("the proxy on {} panicked", self.address);
        }
    }
}
