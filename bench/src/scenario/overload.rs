//! overload: orders at twice the rate of saturation, for three minutes at least. Bounds on how long accepted and refused orders wait for
//! their answer, on how few may be refused, on memory, and on how soon a single order is as quick as before.
//! Absent: clients that come again; these are ever new ones.

use super::{ACCOUNTS, MANY_CLIENTS, SHOP, house::House};
use crate::{
    lab::{Deployment, Lab},
    load::flood::Flood,
    memory,
    report::{Comparison, Measured},
    rounds::{Figures, Rounds},
    stats::{self, FINAL, FINAL_PER_S, Quantiles},
};
use anyhow::{Result, ensure};
use e2e::{LIMIT, Shop};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How much more is asked than can be done.
const TOO_MUCH: f64 = 2.0;
/// How long, at least. What is admitted at all is reached in seconds, and only then it shows whether the shop keeps to it; it takes the
/// allocator two minutes to have a page for whatever six thousand connections ask for.
const FLOOD: Duration = Duration::from_secs(180);
const REST: &str = "rest";
const SATURATION: &str = "saturation";
const ACCEPTED: Quantiles = ["accepted_p50_ms", "accepted_p99_ms", "accepted_p999_ms"];
const REFUSED: Quantiles = ["refused_p50_ms", "refused_p99_ms", "refused_p999_ms"];
const REFUSED_SHARE: &str = "refused_share";
const GROWTH: &str = "late_memory_growth_mib";
const RECOVERED: &str = "recovered_s";
/// What is admitted at all (4,096 orders) is placed as fast as orders are settled: some seconds' work.
const MOST_ACCEPTED_MS: f64 = 10_000.0;
/// A refusal waits for nothing but its turn at a busy machine.
const MOST_REFUSED_MS: f64 = 1_000.0;
/// Of all. At this rate a half is too much; if less is refused than this, something waits where nobody has bounded it.
const LEAST_REFUSED: f64 = 0.1;
/// In the first two thirds connections are opened, all is admitted that ever will be, and the allocator has seen all sizes; what memory
/// grows by after that, it may grow by for as long as the flood lasts. What it had grown by until then is shown without a bound: that is
/// a matter of how many connections there are.
const MOST_GROWTH_MIB: f64 = 16.0;
const MOST_RECOVERED_S: f64 = 10.0;
/// An order at rest is as quick as before when it takes no longer than this many times as long.
const AS_BEFORE: f64 = 3.0;
/// How often memory is looked at, and how long single orders are measured.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const SINGLE: Duration = Duration::from_secs(1);

/// # Errors
/// When an answer is wrong, or the audit fails.
pub async fn run(lab: &Lab, deployment: Deployment) -> Result<Measured> {
    let house = House::open(lab, deployment, ACCOUNTS).await?;
    let time = if lab.quick { lab.time } else { lab.time.max(FLOOD) };
    let mut rounds = Rounds::default();
    for _ in 0..lab.rounds {
        rounds.add(REST, lab.measuring(REST, house.one_by_one(SINGLE)).await?);
        let saturated = house.saturate(&house.placing, MANY_CLIENTS, lab.time);
        rounds.add(SATURATION, lab.measuring(SATURATION, saturated).await?);
        let rate = stats::times(rounds.last((SATURATION, FINAL_PER_S)), TOO_MUCH);
        let at_rest = rounds.last((REST, FINAL[0]));
        rounds.add(SHOP, lab.measuring(SHOP, flooded(&house, rate, at_rest, time)).await?);
    }
    house.close().await?;
    let bounds = [
        (ACCEPTED[1], MOST_ACCEPTED_MS),
        (REFUSED[1], MOST_REFUSED_MS),
        (GROWTH, MOST_GROWTH_MIB),
        (RECOVERED, MOST_RECOVERED_S),
    ];
    let mut comparisons: Vec<_> = bounds.map(|(name, most)| Comparison::bound(&rounds, (SHOP, name), most)).into();
    comparisons.push(Comparison::at_least(&rounds, (SHOP, REFUSED_SHARE), LEAST_REFUSED));
    Ok(Measured { rounds, comparisons })
}

async fn flooded(house: &House, rate: f64, at_rest: f64, time: Duration) -> Result<Figures> {
    let flood = Flood { targets: &house.orders, requests: &house.placing, every: stats::interval(rate) };
    let (before, began) = (resident(&house.shop)?, Instant::now());
    let (mut early, mut late) = (before, 0);
    let flooding = flood.run(time);
    tokio::pin!(flooding);
    let answers = loop {
        tokio::select! {
            answers = &mut flooding => break answers?,
            () = sleep(LOOK_EVERY) => {
                let most = if began.elapsed() < time * 2 / 3 { &mut early } else { &mut late };
                *most = resident(&house.shop)?.max(*most);
            }
        }
    };
    let recovered = recovered(house, at_rest).await?;
    let (accepted, refused) = (answers.accepted.borrow(), answers.refused.borrow());
    let figures = Figures::default()
        .with("asked_per_s", rate)
        .with("accepted_per_s", stats::rate(accepted.len(), time))
        .with("refused_per_s", stats::rate(refused.len(), time))
        .with(REFUSED_SHARE, stats::share(refused.len(), accepted.len()))
        .with("early_memory_growth_mib", stats::mebibytes(early - before))
        .with(GROWTH, stats::mebibytes(late.saturating_sub(early)))
        .with("memory_mib", stats::mebibytes(early.max(late)))
        .with(RECOVERED, recovered.as_secs_f64());
    Ok(stats::latencies(stats::latencies(figures, ACCEPTED, &accepted), REFUSED, &refused))
}

/// How long it takes until a single order is as quick as before.
async fn recovered(house: &House, at_rest: f64) -> Result<Duration> {
    let (ended, quick) = (Instant::now(), stats::times(at_rest, AS_BEFORE));
    house.drained().await?;
    loop {
        let single = house.one_by_one(SINGLE).await?.get(FINAL[0]);
        if single.is_some_and(|single| single <= quick) {
            return Ok(ended.elapsed().saturating_sub(SINGLE));
        }
        let waited = ended.elapsed();
        ensure!(
            waited < LIMIT,
            "{waited:?} after the flood an order takes {single:?} ms; before, it took {at_rest} ms"
        );
    }
}

/// Of all processes together.
fn resident(shop: &Shop) -> Result<u64> {
    shop.orders.iter().chain(&shop.payments).map(memory::resident).sum()
}
