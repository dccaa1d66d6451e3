//! Orders at a rate that may be far more than the shop can do: what is accepted, what is refused, and how long either takes.
//! Absent: repeating what was refused; these clients ask once and let the next one ask.

use super::Connection;
use anyhow::{Result, bail, ensure};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::time::sleep_until;

/// To each instance. More than it admits (4,096), so that it is the shop which says that it is too much, not these clients.
const CONNECTIONS: usize = 6_000;
/// The shop closes a connection on which nothing is asked for 5 s.
const KEPT: Duration = Duration::from_secs(2);

/// Orders at a rate.
#[derive(Clone, Copy, Debug)]
pub struct Flood<'a> {
    /// The instances.
    pub targets: &'a [SocketAddr],
    /// Goes through these in turn.
    pub requests: &'a [Vec<u8>],
    /// Between two requests.
    pub every: Duration,
}

/// What came of it. Latencies in microseconds, each from when the request should have been sent.
#[derive(Debug)]
pub struct Answers {
    /// Of the accepted.
    pub accepted: RefCell<Histogram<u64>>,
    /// Of the refused.
    pub refused: RefCell<Histogram<u64>>,
}

impl Flood<'_> {
    /// Sends orders for so long, and waits for the answers to all of them.
    ///
    /// # Errors
    /// When a connection breaks, or an answer is neither an order nor a 503 that says when to come again.
    pub async fn run(&self, time: Duration) -> Result<Answers> {
        let idle = RefCell::new(Vec::new());
        let answers = Answers { accepted: Histogram::new(3)?.into(), refused: Histogram::new(3)?.into() };
        let (begin, next) = (Instant::now(), Cell::new(0));
        let number = u32::try_from(time.as_nanos() / self.every.as_nanos().max(1))?;
        try_join_all((0..CONNECTIONS * self.targets.len()).map(async |client| {
            while let Some(turn) = Some(next.replace(next.get() + 1)).filter(|turn| *turn < number) {
                let due = begin + self.every * turn;
                sleep_until(due.into()).await;
                let last = idle.borrow_mut().pop().filter(|(_, since): &(_, Instant)| since.elapsed() < KEPT);
                let mut connection = match last {
                    Some((connection, _)) => connection,
                    None => Connection::open(self.targets[client % self.targets.len()]).await?,
                };
                self.ask(&mut connection, usize::try_from(turn)?, due, &answers).await?;
                idle.borrow_mut().push((connection, Instant::now()));
            }
            Ok::<_, anyhow::Error>(())
        }))
        .await?;
        Ok(answers)
    }

    async fn ask(&self, connection: &mut Connection, turn: usize, due: Instant, answers: &Answers) -> Result<()> {
        let answer = connection.ask(&self.requests[turn % self.requests.len()]).await?;
        let latency = match answer.status {
            201 => &answers.accepted,
            503 => {
                ensure!(answer.retry_after.is_some(), "a refusal that does not say when to come again");
                &answers.refused
            }
            status => bail!("{status}: {}", String::from_utf8_lossy(answer.body)),
        };
        latency.borrow_mut().record(u64::try_from(due.elapsed().as_micros())?)?;
        Ok(())
    }
}
