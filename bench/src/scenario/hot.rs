//! hot: every order goes to one account. Baselines: pgbench on one row, and the shop's own spread.

use super::{ACCOUNTS, CLIENTS, PGBENCH, SHOP, house::House};
use crate::{
    baseline::Pgbench,
    lab::{Deployment, Lab},
    report::{Comparison, Measured},
    rounds::Rounds,
    stats::FINAL_PER_S,
    wishes::{HOT, HOT_AGAINST_SPREAD},
};
use anyhow::Result;

const SPREAD: &str = "spread";

/// # Errors
/// When a measurement or the audit fails.
pub async fn run(lab: &Lab, deployment: Deployment) -> Result<Measured> {
    let baseline = Pgbench::prepare(lab, 1).await?;
    let house = House::open(lab, deployment, ACCOUNTS).await?;
    let mut rounds = Rounds::default();
    for _ in 0..lab.rounds {
        rounds.add(PGBENCH, lab.measuring(PGBENCH, baseline.measure(lab.time)).await?);
        rounds.add(SPREAD, lab.measuring(SPREAD, house.saturate(&house.placing, CLIENTS, lab.time)).await?);
        rounds.add(SHOP, lab.measuring(SHOP, house.saturate(&house.placing[..1], CLIENTS, lab.time)).await?);
    }
    house.close().await?;
    let against = |side, wish| Comparison::of(&rounds, (SHOP, FINAL_PER_S), (side, FINAL_PER_S), wish);
    let comparisons = vec![against(PGBENCH, HOT), against(SPREAD, HOT_AGAINST_SPREAD)];
    Ok(Measured { rounds, comparisons })
}
