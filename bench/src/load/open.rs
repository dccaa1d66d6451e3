//! Open loop: requests at a fixed rate whatever the answers do. Each latency counts from when the request should have been sent,
//! so a shop that stalls cannot hide it by slowing its clients. Absent: choosing the rate.

use super::{Connection, Watch, requests::order_id};
use anyhow::Result;
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::time::sleep_until;

/// More than can be under way at half load; beyond it requests go out late, and that counts as theirs.
const CONNECTIONS: usize = 256;

/// Orders at a rate.
#[derive(Clone, Copy, Debug)]
pub struct Rate<'a> {
    /// The instances.
    pub targets: &'a [SocketAddr],
    /// Goes through these in turn.
    pub requests: &'a [Vec<u8>],
    /// Between two requests.
    pub every: Duration,
}

impl Rate<'_> {
    /// Places orders for so long; `watch` learns of each, with the time at which it should have been sent. Gives the latencies
    /// of the answers in microseconds.
    ///
    /// # Errors
    /// When an order is not accepted.
    pub async fn run(&self, time: Duration, watch: &Watch) -> Result<Histogram<u64>> {
        let (begin, next) = (Instant::now(), Cell::new(0));
        let latency = RefCell::new(Histogram::new(3)?);
        let number = u32::try_from(time.as_nanos() / self.every.as_nanos().max(1))?;
        try_join_all((0..CONNECTIONS).map(async |client| {
            let mut connection = Connection::open(self.targets[client % self.targets.len()]).await?;
            while let Some(turn) = Some(next.replace(next.get() + 1)).filter(|turn| *turn < number) {
                let due = begin + self.every * turn;
                sleep_until(due.into()).await;
                let answered = self.place(&mut connection, turn, due, watch).await?;
                latency.borrow_mut().record(u64::try_from((answered - due).as_micros())?)?;
            }
            Ok::<_, anyhow::Error>(())
        }))
        .await?;
        Ok(latency.into_inner())
    }

    async fn place(&self, connection: &mut Connection, turn: u32, due: Instant, watch: &Watch) -> Result<Instant> {
        let user = usize::try_from(turn)? % self.requests.len();
        let placed = connection.ask(&self.requests[user]).await?;
        let answered = Instant::now();
        watch.placed(user, order_id(&placed)?, due)?;
        Ok(answered)
    }
}
