//! push: thousands of sockets on one instance while orders come at half the rate of spread. Baseline: the same with few sockets.
//!
//! A push is timed from `updated_at`, which the service takes before it commits: so the commit itself counts as well.

use super::{CLIENTS, SHOP, WATCHING, house::House};
use crate::{
    lab::{Deployment, Lab},
    load::{Seen, Watch},
    memory,
    report::{Comparison, Measured},
    rounds::{Figures, Rounds},
    stats::{self, FINAL, FINAL_PER_S, PUSH},
    wishes,
};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use std::collections::HashMap;
use store::{Micros, Options, Plans, Rows, Sql, Store};
use uuid::Uuid;

static CHANGED: Sql = Sql::over("id uuid", "SELECT id, updated_at FROM orders WHERE id {any id}");

const SOCKETS: usize = 5_000;
const STEADY: &str = "steady";
const SPREAD: &str = "spread";
const MEMORY: &str = "memory";
const KIB_PER_SOCKET: &str = "kib_per_socket";
const MOST_KIB_PER_SOCKET: f64 = 20.0;

/// # Errors
/// When a measurement or the audit fails.
pub async fn run(lab: &Lab, deployment: Deployment) -> Result<Measured> {
    let sockets = lab.scaled(SOCKETS);
    let house = House::open(lab, deployment, sockets).await?;
    let mut rounds = Rounds::default();
    rounds.add(MEMORY, of_sockets(&house).await?);
    for _ in 0..lab.rounds {
        rounds.add(SPREAD, lab.measuring(SPREAD, house.saturate(&house.placing, CLIENTS, lab.time)).await?);
        let rate = stats::half(rounds.last((SPREAD, FINAL_PER_S)));
        let watching = WATCHING.min(sockets);
        rounds.add(STEADY, lab.measuring(STEADY, house.pace(rate, lab.time, watching)).await?.0);
        let (figures, seen) = lab.measuring(SHOP, house.pace(rate, lab.time, sockets)).await?;
        rounds.add(SHOP, stats::latencies(figures, PUSH, &since_commit(&house, &seen).await?));
    }
    house.close().await?;
    let ([_, final_slow, _], [_, push_slow, _]) = (FINAL, PUSH);
    let against = Comparison::of(&rounds, (SHOP, push_slow), (STEADY, final_slow), wishes::PUSH);
    let memory = Comparison::within(&rounds, (MEMORY, KIB_PER_SOCKET), MOST_KIB_PER_SOCKET);
    Ok(Measured { rounds, comparisons: vec![against, memory] })
}

/// Before any load: later, sockets would lie in memory that requests have left behind, and seem to cost nothing.
async fn of_sockets(house: &House) -> Result<Figures> {
    let before = memory::resident(&house.shop.orders[0])?;
    let watch = Watch::open(house.orders[0], &house.users).await?;
    let after = memory::resident(&house.shop.orders[0])?;
    drop(watch.close()?);
    Ok(Figures::default().with(KIB_PER_SOCKET, stats::kib_each(after.saturating_sub(before), house.users.len())))
}

/// From each order's last change to its news, in microseconds.
async fn since_commit(house: &House, seen: &Seen) -> Result<Histogram<u64>> {
    let changed = changes(house, seen).await?;
    let mut latency = Histogram::new(3)?;
    for (order, told) in &seen.arrivals {
        let changed = changed.get(order).context("a push about an order that is not there")?;
        latency.record(u64::try_from(told.since(*changed).as_micros())?)?;
    }
    Ok(latency)
}

async fn changes(house: &House, seen: &Seen) -> Result<HashMap<Uuid, Micros>> {
    let url = house.shop.books.urls().orders.clone();
    let store = Store::open(&Options { url, max_connections: 1, application: "bench", plans: Plans::Free }).await?;
    let ids = Rows::new().uuids(seen.arrivals.iter().map(|(order, _)| *order));
    let rows = CHANGED.query(store.connection(), ids, Vec::new()).await?;
    store.close().await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, Micros(row.try_get("", "updated_at")?)))).collect()
}
