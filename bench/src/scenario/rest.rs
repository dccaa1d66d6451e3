//! rest: one order at a time, from POST to its end on the client's socket. Baseline: the same commits and publishes in sequence.

use super::{SHOP, house::House};
use crate::{
    baseline::Sequence,
    lab::{Deployment, Lab},
    report::{Comparison, Measured},
    rounds::Rounds,
    stats::FINAL,
    wishes::REST,
};
use anyhow::Result;

const SEQUENCE: &str = "sequence";

/// # Errors
/// When a measurement or the audit fails.
pub async fn run(lab: &Lab, deployment: Deployment) -> Result<Measured> {
    let mut baseline = Sequence::prepare(lab).await?;
    let house = House::open(lab, deployment, 1).await?;
    let mut rounds = Rounds::default();
    for _ in 0..lab.rounds {
        rounds.add(SEQUENCE, lab.measuring(SEQUENCE, baseline.measure(lab.time)).await?);
        rounds.add(SHOP, lab.measuring(SHOP, house.one_by_one(lab.time)).await?);
    }
    baseline.close().await?;
    house.close().await?;
    let [median, ..] = FINAL;
    let against = Comparison::of(&rounds, (SHOP, median), (SEQUENCE, median), REST);
    Ok(Measured { rounds, comparisons: vec![against] })
}
