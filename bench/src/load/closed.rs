//! Closed loop: so many clients, each with one request under way, for a time or until all requests are answered.
//! Absent: the time from POST to final; a client here goes on at once.

use super::{Connection, connection::Answer};
use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Three digits are more than a noisy machine can tell apart.
const DIGITS: u8 = 3;

/// Who asks what.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// The instances; clients spread over them.
    pub targets: &'a [SocketAddr],
    /// The clients go through these in turn.
    pub requests: &'a [Vec<u8>],
    /// Connections.
    pub clients: usize,
    /// The status of an answer that counts; one that is overloaded may say so, any other is an error.
    pub status: u16,
}

/// When a client stops.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// At this time.
    Time(Instant),
    /// When each request was answered once.
    AllAnswered,
    /// When so many requests were answered.
    Answered(usize),
}

/// What came of it.
#[derive(Debug)]
pub struct Tally {
    /// Answers with the status that counts.
    pub accepted: Cell<u64>,
    /// Answers 503, after each of which the client stayed away as long as it was told.
    pub refused: Cell<u64>,
    /// From request to answer, of the accepted, in microseconds.
    pub latency: RefCell<Histogram<u64>>,
}

impl Load<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// When a connection breaks, or an answer is neither what was wanted nor 503.
    pub async fn run(&self, until: Until) -> Result<Tally> {
        let latency = RefCell::new(Histogram::new(DIGITS)?);
        let tally = Tally { accepted: Cell::new(0), refused: Cell::new(0), latency };
        let next = Cell::new(0);
        try_join_all((0..self.clients).map(|client| self.client(client, until, &next, &tally))).await?;
        Ok(tally)
    }

    async fn client(&self, client: usize, until: Until, next: &Cell<usize>, tally: &Tally) -> Result<()> {
        let mut connection = Connection::open(self.targets[client % self.targets.len()]).await?;
        while let Some(request) = self.take(until, next) {
            while !self.ask(&mut connection, request, tally).await? {}
        }
        Ok(())
    }

    fn take(&self, until: Until, next: &Cell<usize>) -> Option<&[u8]> {
        let number = next.replace(next.get() + 1);
        let more = match until {
            Until::Time(end) => Instant::now() < end,
            Until::AllAnswered => number < self.requests.len(),
            Until::Answered(answers) => number < answers,
        };
        more.then(|| self.requests[number % self.requests.len()].as_slice())
    }

    /// Whether it was accepted; if not, after as long as the shop wishes.
    async fn ask(&self, connection: &mut Connection, request: &[u8], tally: &Tally) -> Result<bool> {
        let sent = Instant::now();
        match connection.ask(request).await? {
            Answer { status, .. } if status == self.status => {
                let micros = u64::try_from(sent.elapsed().as_micros())?;
                tally.latency.borrow_mut().record(micros)?;
                tally.accepted.set(tally.accepted.get() + 1);
                Ok(true)
            }
            Answer { status: 503, retry_after, .. } => {
                tally.refused.set(tally.refused.get() + 1);
                sleep(Duration::from_secs(retry_after.unwrap_or(1))).await;
                Ok(false)
            }
            Answer { status, body, .. } => bail!("{status}: {}", String::from_utf8_lossy(body)),
        }
    }
}
