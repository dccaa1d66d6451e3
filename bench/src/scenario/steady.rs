//! steady: orders at half the rate of spread. Baseline: the median of one order at a time, at rest.

use super::{ACCOUNTS, CLIENTS, SHOP, WATCHING, house::House};
use crate::{
    lab::{Deployment, Lab},
    report::{Comparison, Measured},
    rounds::Rounds,
    stats::{self, FINAL, FINAL_PER_S},
    wishes::STEADY,
};
use anyhow::Result;

const REST: &str = "rest";
const SPREAD: &str = "spread";

/// # Errors
/// When a measurement or the audit fails.
pub async fn run(lab: &Lab, deployment: Deployment) -> Result<Measured> {
    let house = House::open(lab, deployment, ACCOUNTS).await?;
    let mut rounds = Rounds::default();
    for _ in 0..lab.rounds {
        rounds.add(REST, lab.measuring(REST, house.one_by_one(lab.time)).await?);
        rounds.add(SPREAD, lab.measuring(SPREAD, house.saturate(&house.placing, CLIENTS, lab.time)).await?);
        let rate = stats::half(rounds.last((SPREAD, FINAL_PER_S)));
        let (figures, _) = lab.measuring(SHOP, house.pace(rate, lab.time, WATCHING)).await?;
        rounds.add(SHOP, figures.with("orders_per_s", rate));
    }
    house.close().await?;
    let [median, slow, _] = FINAL;
    let against = Comparison::of(&rounds, (SHOP, slow), (REST, median), STEADY);
    Ok(Measured { rounds, comparisons: vec![against] })
}
