//! spread: every customer orders, as fast as it goes. Baseline: pgbench on as many accounts.

use super::{ACCOUNTS, PGBENCH, SHOP, house::House};
use crate::{
    baseline::Pgbench,
    lab::{Deployment, Lab},
    report::{Comparison, Measured},
    rounds::Rounds,
    stats::FINAL_PER_S,
    wishes::{SPREAD, SPREAD_EMBEDDED},
};
use anyhow::Result;

/// # Errors
/// When a measurement or the audit fails.
pub async fn run(lab: &Lab, deployment: Deployment, clients: usize) -> Result<Measured> {
    let baseline = Pgbench::prepare(lab, ACCOUNTS).await?;
    let house = House::open(lab, deployment, ACCOUNTS).await?;
    let mut rounds = Rounds::default();
    for _ in 0..lab.rounds {
        rounds.add(PGBENCH, lab.measuring(PGBENCH, baseline.measure(lab.time)).await?);
        rounds.add(SHOP, lab.measuring(SHOP, house.saturate(&house.placing, clients, lab.time)).await?);
    }
    house.close().await?;
    let wish = if deployment == Deployment::Embedded { SPREAD_EMBEDDED } else { SPREAD };
    let against = Comparison::of(&rounds, (SHOP, FINAL_PER_S), (PGBENCH, FINAL_PER_S), wish);
    Ok(Measured { rounds, comparisons: vec![against] })
}
