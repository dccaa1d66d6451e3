//! many: each of very many customers orders once, so that all their accounts are in use at the same time; the memory of the
//! processes before, then, and when the accounts have been idle for long enough. Absent: speed.

use super::{MANY_CLIENTS, SHOP, house::House};
use crate::{
    lab::{Deployment, Lab},
    load::closed::{Load, Until},
    memory,
    report::{Comparison, Measured},
    rounds::{Figures, Rounds},
    stats,
};
use anyhow::Result;
use e2e::{Process, Shop};
use std::time::Duration;
use tokio::time::sleep;

const ACCOUNTS: usize = 100_000;
/// An account's actor stops after half a minute without work.
const UNTIL_IDLE: Duration = Duration::from_secs(40);
/// The largest process of each service: before, in the middle of it, and after.
const IDLE: [&str; 2] = ["orders_idle_mib", "payments_idle_mib"];
const BUSY: [&str; 2] = ["orders_many_mib", "payments_many_mib"];
const AFTER: [&str; 2] = ["orders_after_mib", "payments_after_mib"];
const MOST_IDLE: f64 = 60.0;
const MOST_IDLE_EMBEDDED: f64 = 80.0;
const MOST_BUSY: f64 = 250.0;

/// # Errors
/// When an order is not accepted, or the audit fails.
pub async fn run(lab: &Lab, deployment: Deployment) -> Result<Measured> {
    let idle = idle(lab, deployment).await?;
    let house = House::open(lab, deployment, lab.scaled(ACCOUNTS)).await?;
    let load = Load { targets: &house.orders, requests: &house.placing, clients: MANY_CLIENTS, status: 201 };
    lab.measuring(SHOP, load.run(Until::AllAnswered)).await?;
    house.drained().await?;
    let busy = resident(&house.shop, BUSY, idle)?;
    if !lab.quick {
        sleep(UNTIL_IDLE).await;
    }
    let mut rounds = Rounds::default();
    rounds.add(SHOP, resident(&house.shop, AFTER, busy)?);
    house.close().await?;
    let comparisons = comparisons(&rounds, deployment);
    Ok(Measured { rounds, comparisons })
}

/// A shop that nobody has used yet.
async fn idle(lab: &Lab, deployment: Deployment) -> Result<Figures> {
    let house = House::open(lab, deployment, 0).await?;
    let figures = resident(&house.shop, IDLE, Figures::default())?;
    house.close().await?;
    Ok(figures)
}

fn resident(shop: &Shop, [orders, payments]: [&'static str; 2], figures: Figures) -> Result<Figures> {
    let figures = figures.with(orders, largest(&shop.orders)?);
    if shop.payments.is_empty() { Ok(figures) } else { Ok(figures.with(payments, largest(&shop.payments)?)) }
}

fn largest(processes: &[Process]) -> Result<f64> {
    let sizes = processes.iter().map(memory::resident).collect::<Result<Vec<_>>>()?;
    Ok(stats::mebibytes(sizes.into_iter().max().unwrap_or_default()))
}

fn comparisons(rounds: &Rounds, deployment: Deployment) -> Vec<Comparison> {
    let within = |name, most| Comparison::within(rounds, (SHOP, name), most);
    match deployment {
        Deployment::Embedded => vec![within(IDLE[0], MOST_IDLE_EMBEDDED)],
        _ => {
            let idle = IDLE.map(|name| within(name, MOST_IDLE));
            idle.into_iter().chain(BUSY.map(|name| within(name, MOST_BUSY))).collect()
        }
    }
}
