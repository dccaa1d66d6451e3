//! grown: spread on tables with a long history, and pages of it. Baseline: the same spread on empty tables.

use super::{
    ACCOUNTS, CLIENTS, SHOP,
    house::{House, by_turns},
};
use crate::{
    baseline::execute,
    lab::{Deployment, Lab},
    load::{
        closed::{Load, Until},
        requests,
    },
    report::{Comparison, Measured},
    rounds::{Figures, Rounds},
    stats::{self, FINAL_PER_S, PAGE},
    wishes::GROWN,
};
use anyhow::Result;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

const ORDERS: &str = include_str!("../../sql/history_orders.sql");
const PAYMENTS: &str = include_str!("../../sql/history_payments.sql");
/// Of each account.
const HISTORY: usize = 1_000;
const EMPTY: &str = "empty";
/// Readers of pages.
const READERS: usize = 8;
const LISTS: &str = "order lists";
const STATEMENTS: &str = "statements";

/// # Errors
/// When a measurement or the audit fails.
pub async fn run(lab: &Lab, deployment: Deployment) -> Result<Measured> {
    let empty = House::open(lab, deployment, ACCOUNTS).await?;
    let grown = House::open(lab, deployment, ACCOUNTS).await?;
    write_history(&grown, lab.scaled(HISTORY)).await?;
    let mut rounds = Rounds::default();
    by_turns(lab, [(EMPTY, &empty), (SHOP, &grown)], CLIENTS, &mut rounds).await?;
    for _ in 0..lab.rounds {
        rounds.add(LISTS, lab.measuring(LISTS, pages(&grown, &grown.orders, "/orders", lab.time)).await?);
        let statements = pages(&grown, &grown.payments, "/accounts/transactions", lab.time);
        rounds.add(STATEMENTS, lab.measuring(STATEMENTS, statements).await?);
    }
    empty.close().await?;
    grown.close().await?;
    let against = Comparison::of(&rounds, (SHOP, FINAL_PER_S), (EMPTY, FINAL_PER_S), GROWN);
    Ok(Measured { rounds, comparisons: vec![against] })
}

async fn write_history(house: &House, of_each: usize) -> Result<()> {
    let urls = house.shop.books.urls();
    let sized = |sql: &str| sql.replace("{accounts}", &ACCOUNTS.to_string()).replace("{of_each}", &of_each.to_string());
    execute(&urls.orders, &sized(ORDERS)).await?;
    execute(&urls.payments, &sized(PAYMENTS)).await?;
    execute(&urls.orders, "VACUUM ANALYZE").await?;
    execute(&urls.payments, "VACUUM ANALYZE").await
}

async fn pages(house: &House, targets: &[SocketAddr], path: &str, time: Duration) -> Result<Figures> {
    let requests: Vec<_> = house.users.iter().map(|user| requests::get(&format!("{path}?limit=50"), user)).collect();
    let load = Load { targets, requests: &requests, clients: READERS, status: 200 };
    let begun = Instant::now();
    let tally = load.run(Until::Time(begun + time)).await?;
    let figures = Figures::default().with("pages_per_s", stats::rate(tally.accepted.get(), begun.elapsed()));
    let latency = tally.latency.borrow();
    Ok(stats::latencies(figures, PAGE, &latency))
}
