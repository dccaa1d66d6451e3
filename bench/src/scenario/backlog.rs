//! backlog: very many orders wait for payments, which was away; how that drains, and whether anybody starves meanwhile. Starving is to
//! become final much later than if everybody were served in the order in which they came; newcomers order all the while.
//! Absent: the embedded shop, whose payments cannot be away; the payment deadline, so that it is payments who ends each order.

use super::{ACCOUNTS, MANY_CLIENTS, SHOP, house::House};
use crate::{
    lab::{Deployment, Lab},
    load::closed::{Load, Until},
    memory,
    report::{Comparison, Measured},
    rounds::{Figures, Rounds},
    stats,
};
use anyhow::{Result, ensure};
use e2e::{LIMIT, Process, Shop};
use std::{
    cell::Cell,
    time::{Duration, Instant},
};
use tokio::{time::sleep, try_join};

const ORDERS: usize = 200_000;
const PAUSE: &str = "longest_pause_s";
const LATE: &str = "latest_s";
const BEHIND: &str = "account_behind_orders";
const TOP_UP: &str = "newcomer_topup_s";
const ORDER: &str = "newcomer_order_s";
const GROWTH: &str = "memory_growth_mib";
/// Seconds in which nothing became final, while something waited.
const MOST_PAUSE_S: f64 = 5.0;
/// How much later any order became final than in the order in which they came. Thousands are under way at the same time and overtake
/// each other; one that starves waits as long as there are others, and that is minutes.
const MOST_LATE_S: f64 = 5.0;
/// How many orders the account that was served least was behind the one that was served most, at the half.
const MOST_BEHIND: f64 = 100.0;
/// A newcomer's account, money, and the answer to the order do not wait for anybody's orders.
const MOST_NEWCOMER_S: f64 = 5.0;
/// The queue is the broker's and the outbox's; the services hold what they have prefetched.
const MOST_GROWTH_MIB: f64 = 150.0;
const LOOK_EVERY: Duration = Duration::from_millis(500);
const NEWCOMER_EVERY: Duration = Duration::from_secs(1);

/// Of the customers whose orders have waited; newcomers have other names.
const FINAL: &str = "SELECT count(*) AS number FROM orders WHERE status <> 'NEW' AND user_id LIKE 'user-%'";
const NOT_FINISHED: &str = "SELECT count(*) AS number FROM orders WHERE status <> 'FINISHED'";
const SPREAD: &str = "SELECT max(final) - min(final) AS number FROM
    (SELECT count(*) FILTER (WHERE status <> 'NEW') AS final FROM orders WHERE user_id LIKE 'user-%' GROUP BY user_id) AS users";
/// The most that an order became final later than the one would have that had its place in the queue; in microseconds.
const LATEST: &str = "WITH
    came AS (SELECT updated_at, row_number() OVER (ORDER BY created_at, id) AS place FROM orders),
    served AS (SELECT updated_at, row_number() OVER (ORDER BY updated_at) AS place FROM orders)
    SELECT max(came.updated_at - served.updated_at) AS number FROM came JOIN served USING (place)";
/// The longest time to final of a newcomer; in microseconds.
const NEWCOMERS_WAIT: &str = "SELECT max(updated_at - created_at) AS number FROM orders WHERE user_id LIKE 'new-%'";

/// # Errors
/// When an order is not accepted or not finished, the queue does not drain, or the audit fails.
pub async fn run(lab: &Lab, deployment: Deployment) -> Result<Measured> {
    let mut house = House::of(lab.patient_shop(deployment).await?, lab.scaled(ACCOUNTS)).await?;
    let before = resident(&house.shop.orders)? + resident(&house.shop.payments)?;
    for payments in &mut house.shop.payments {
        ensure!(payments.terminate().await?.success(), "payments ended otherwise");
    }
    let number = lab.scaled(ORDERS);
    let load = Load { targets: &house.orders, requests: &house.placing, clients: MANY_CLIENTS, status: 201 };
    let (begun, mut rounds) = (Instant::now(), Rounds::default());
    lab.measuring(SHOP, load.run(Until::Answered(number))).await?;
    let placed = stats::rate(u64::try_from(number)?, begun.elapsed());
    house.shop.start().await?;
    let figures = Figures::default().with("placed_per_s", placed);
    rounds.add(SHOP, drain(&house, i64::try_from(number)?, before, figures).await?);
    house.close().await?;
    let bounds = [
        (PAUSE, MOST_PAUSE_S),
        (LATE, MOST_LATE_S),
        (BEHIND, MOST_BEHIND),
        (TOP_UP, MOST_NEWCOMER_S),
        (ORDER, MOST_NEWCOMER_S),
        (GROWTH, MOST_GROWTH_MIB),
    ];
    let comparisons = bounds.map(|(name, most)| Comparison::bound(&rounds, (SHOP, name), most)).into();
    Ok(Measured { rounds, comparisons })
}

async fn drain(house: &House, number: i64, before: u64, figures: Figures) -> Result<Figures> {
    let over = Cell::new(false);
    let (seen, newcomers) = try_join!(
        async {
            let seen = Seen::drained(&house.shop, number).await;
            over.set(true);
            seen
        },
        newcomers(&house.shop, &over),
    )?;
    house.drained().await?;
    let otherwise = house.shop.books.of_orders(NOT_FINISHED).await?;
    ensure!(otherwise == 0, "{otherwise} orders were not finished");
    let late = house.shop.books.of_orders(LATEST).await?;
    let wait = house.shop.books.of_orders(NEWCOMERS_WAIT).await?;
    let figures = seen.figures(figures, number, before)?;
    Ok(newcomers.figures(figures).with(LATE, stats::seconds(late)).with("newcomer_final_s", stats::seconds(wait)))
}

/// What newcomers had to wait for at most.
#[derive(Default)]
struct Newcomers {
    number: i64,
    topped_up: Duration,
    answered: Duration,
}

impl Newcomers {
    fn figures(&self, figures: Figures) -> Figures {
        figures
            .with("newcomers", stats::count(self.number))
            .with(TOP_UP, self.topped_up.as_secs_f64())
            .with(ORDER, self.answered.as_secs_f64())
    }
}

/// One after the other opens an account and orders, until the queue has drained.
async fn newcomers(shop: &Shop, over: &Cell<bool>) -> Result<Newcomers> {
    let (client, mut seen) = (shop.client()?, Newcomers::default());
    while !over.get() {
        seen.number += 1;
        let begun = Instant::now();
        let newcomer = client.user(format!("new-{}", seen.number)).with_money("10").await?;
        seen.topped_up = seen.topped_up.max(begun.elapsed());
        let begun = Instant::now();
        newcomer.order_surely("1", "first").await?;
        seen.answered = seen.answered.max(begun.elapsed());
        sleep(NEWCOMER_EVERY).await;
    }
    Ok(seen)
}

/// What was seen of the queue so far.
struct Seen {
    begun: Instant,
    is_final: i64,
    /// When an order became final last.
    since: Instant,
    pause: Duration,
    memory: u64,
    behind: Option<i64>,
}

impl Seen {
    /// Looks on until the last order of those that waited is final.
    async fn drained(shop: &Shop, number: i64) -> Result<Self> {
        let begun = Instant::now();
        let mut seen = Self { begun, is_final: 0, since: begun, pause: Duration::ZERO, memory: 0, behind: None };
        while seen.is_final < number {
            sleep(LOOK_EVERY).await;
            seen.look(shop, number).await?;
        }
        Ok(seen)
    }

    async fn look(&mut self, shop: &Shop, number: i64) -> Result<()> {
        let is_final = shop.books.of_orders(FINAL).await?;
        self.pause = self.pause.max(self.since.elapsed());
        if is_final > self.is_final {
            self.since = Instant::now();
        }
        self.is_final = is_final;
        let pause = self.since.elapsed();
        ensure!(pause < LIMIT, "{is_final} of {number} orders are final, and no other for {pause:?}");
        self.memory = self.memory.max(resident(&shop.orders)? + resident(&shop.payments)?);
        if self.behind.is_none() && is_final * 2 > number {
            self.behind = Some(shop.books.of_orders(SPREAD).await?);
        }
        Ok(())
    }

    fn figures(&self, figures: Figures, number: i64, before: u64) -> Result<Figures> {
        let drained = self.since.duration_since(self.begun);
        Ok(figures
            .with("drain_per_s", stats::rate(u64::try_from(number)?, drained))
            .with("drain_s", drained.as_secs_f64())
            .with(PAUSE, self.pause.as_secs_f64())
            .with(BEHIND, stats::count(self.behind.unwrap_or_default()))
            .with(GROWTH, stats::mebibytes(self.memory.saturating_sub(before))))
    }
}

fn resident(processes: &[Process]) -> Result<u64> {
    processes.iter().map(memory::resident).sum()
}
