//! two: two instances of each service on the cores that one instance each had. Baseline: those, on databases of their own.

use super::{
    ACCOUNTS, SHOP,
    house::{House, by_turns},
};
use crate::{
    lab::{Deployment, Lab},
    report::{Comparison, Measured},
    rounds::Rounds,
    stats::FINAL_PER_S,
    wishes::TWO,
};
use anyhow::Result;

const ONE_EACH: &str = "one each";

/// # Errors
/// When a measurement or the audit fails.
pub async fn run(lab: &Lab, clients: usize) -> Result<Measured> {
    let one = House::open(lab, Deployment::Servers, ACCOUNTS).await?;
    let two = House::open(lab, Deployment::Two, ACCOUNTS).await?;
    let mut rounds = Rounds::default();
    by_turns(lab, [(ONE_EACH, &one), (SHOP, &two)], clients, &mut rounds).await?;
    one.close().await?;
    two.close().await?;
    let against = Comparison::of(&rounds, (SHOP, FINAL_PER_S), (ONE_EACH, FINAL_PER_S), TWO);
    Ok(Measured { rounds, comparisons: vec![against] })
}
