//! A shop with customers: accounts with money, prepared requests, saturation, and the audit without which there are no figures.
//! Absent: which load a scenario puts on it.

use crate::{
    lab::{Deployment, Lab},
    load::{
        Connection, Seen, Watch,
        closed::{Load, Until},
        open::Rate,
        requests::{self, order_id},
    },
    rounds::{Figures, Rounds},
    stats,
};
use anyhow::{Result, ensure};
use e2e::{Process, Shop, until};
use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};
use store::{Options, Plans, Rows, Sql, Store};
use uuid::{Builder, Uuid};

/// Clients that prepare the accounts.
const PREPARING: usize = 64;
/// By the orders' ids, which grow with time: whoever asks while the shop is measured must not read a million orders each time.
static UNDER_WAY: Sql = Sql::new("SELECT id FROM orders WHERE id >= {1} AND status = 'NEW' ORDER BY id DESC LIMIT 1");

/// A shop and its customers.
pub struct House {
    /// The shop.
    pub shop: Shop,
    /// Where orders are placed.
    pub orders: Vec<SocketAddr>,
    /// Where money is put in.
    pub payments: Vec<SocketAddr>,
    /// A `POST /orders` of each customer.
    pub placing: Vec<Vec<u8>>,
    /// The customers.
    pub users: Vec<String>,
    /// Orders with smaller ids are final.
    final_before: Cell<Uuid>,
}

impl House {
    /// Opens a shop with so many rich customers.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn open(lab: &Lab, deployment: Deployment, customers: usize) -> Result<Self> {
        Self::of(lab.shop(deployment).await?, customers).await
    }

    /// Brings so many rich customers to a shop that is open.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn of(shop: Shop, customers: usize) -> Result<Self> {
        let orders = addresses(&shop.orders)?;
        let final_before = Cell::new(first_id()?);
        let payments = if shop.payments.is_empty() { orders.clone() } else { addresses(&shop.payments)? };
        let users = requests::users(customers);
        let every = |request: fn(&str) -> Vec<u8>| users.iter().map(|user| request(user)).collect::<Vec<_>>();
        for (requests, status) in [(every(requests::open_account), 201), (every(requests::top_up), 200)] {
            let load = Load { targets: &payments, requests: &requests, clients: PREPARING, status };
            load.run(Until::AllAnswered).await?;
        }
        Ok(Self { orders, payments, placing: every(requests::place_order), shop, users, final_before })
    }

    /// One order after the other, from POST to the news of its end.
    ///
    /// # Errors
    /// When an order is not accepted, or its end is not told.
    pub async fn one_by_one(&self, time: Duration) -> Result<Figures> {
        let mut watch = Watch::open(self.orders[0], &self.users[..1]).await?;
        let (mut connection, begun) = (Connection::open(self.orders[0]).await?, Instant::now());
        while begun.elapsed() < time {
            let due = Instant::now();
            watch.placed(0, order_id(&connection.ask(&self.placing[0]).await?)?, due)?;
            watch.all_told().await?;
        }
        Ok(stats::latencies(Figures::default(), stats::FINAL, &watch.close()?.latency))
    }

    /// Orders at a fixed rate a second, with so many of the customers watching. Also gives what they saw.
    ///
    /// # Errors
    /// When an order is not accepted, or somebody is not told of its end.
    pub async fn pace(&self, rate: f64, time: Duration, watching: usize) -> Result<(Figures, Seen)> {
        let mut watch = Watch::open(self.orders[0], &self.users[..watching]).await?;
        let rate = Rate { targets: &self.orders, requests: &self.placing, every: stats::interval(rate) };
        let posts = rate.run(time, &watch).await?;
        watch.all_told().await?;
        let seen = watch.close()?;
        self.drained().await?;
        let figures = stats::latencies(Figures::default(), stats::POST, &posts);
        Ok((stats::latencies(figures, stats::FINAL, &seen.latency), seen))
    }

    /// Orders as fast as so many clients can place them, and until the last of them is final.
    ///
    /// # Errors
    /// When an answer is wrong, or an order does not become final.
    pub async fn saturate(&self, requests: &[Vec<u8>], clients: usize, time: Duration) -> Result<Figures> {
        let load = Load { targets: &self.orders, requests, clients, status: 201 };
        let begun = Instant::now();
        let tally = load.run(Until::Time(begun + time)).await?;
        let placed = begun.elapsed();
        self.drained().await?;
        let (all, latency) = (begun.elapsed(), tally.latency.borrow());
        let figures = Figures::default()
            .with(stats::FINAL_PER_S, stats::rate(tally.accepted.get(), all))
            .with("accepted_per_s", stats::rate(tally.accepted.get(), placed))
            .with("refused_per_s", stats::rate(tally.refused.get(), placed))
            .with("drain_s", all.saturating_sub(placed).as_secs_f64());
        Ok(stats::latencies(figures, stats::POST, &latency))
    }

    /// Waits until no order is under way.
    ///
    /// # Errors
    /// When that does not come.
    pub async fn drained(&self) -> Result<()> {
        let (url, first) = (self.shop.books.urls().orders.clone(), first_id()?);
        let store =
            Store::open(&Options { url, max_connections: 1, application: "bench", plans: Plans::ByIndex }).await?;
        let none = async || {
            let values = vec![self.final_before.get().into()];
            Ok(UNDER_WAY.query(store.connection(), Rows::new(), values).await?.is_empty())
        };
        until("the last order to be final", none).await?;
        self.final_before.set(first);
        Ok(store.close().await?)
    }

    /// The verdict, without which no figure counts: no order is under way, and when the shop has stopped, with nothing left to
    /// send, the books are right.
    ///
    /// # Errors
    /// With the audit's report, when it is not so.
    pub async fn close(mut self) -> Result<()> {
        self.drained().await?;
        self.shop.stop().await?;
        let report = self.shop.books.audit(true).await?;
        ensure!(report.in_order, "the books are not in order:\n{report}");
        self.shop.remove().await
    }
}

/// Saturates two shops, in each round the other one first: what one leaves behind, such as a vacuum, meets both alike.
///
/// # Errors
/// When a measurement fails.
pub async fn by_turns(
    lab: &Lab,
    mut sides: [(&'static str, &House); 2],
    clients: usize,
    rounds: &mut Rounds,
) -> Result<()> {
    for _ in 0..lab.rounds {
        for (side, house) in sides {
            rounds.add(side, lab.measuring(side, house.saturate(&house.placing, clients, lab.time)).await?);
        }
        sides.reverse();
    }
    Ok(())
}

/// No id that is made from now on is smaller.
fn first_id() -> Result<Uuid> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Builder::from_unix_timestamp_millis(u64::try_from(now.as_millis())?, &[0; 10]).into_uuid())
}

fn addresses(processes: &[Process]) -> Result<Vec<SocketAddr>> {
    processes.iter().map(Process::address).collect()
}

#[cfg(all(test, feature = "servers"))]
mod tests {
    use super::*;
    use crate::{baseline::execute, options::Options};
    use clap::Parser;

    #[tokio::test]
    async fn a_shop_that_has_lost_a_cent_gives_no_figures() -> Result<()> {
        let lab = Lab::open(&Options::parse_from(["bench", "--quick"]))?;
        let house = House::open(&lab, Deployment::Servers, 2).await?;
        execute(&house.shop.books.urls().payments, "UPDATE accounts SET balance_minor = balance_minor - 1").await?;
        let refused = house.close().await.expect_err("the books are wrong");
        assert!(format!("{refused:#}").contains("balance"), "{refused:#}");
        Ok(())
    }
}
