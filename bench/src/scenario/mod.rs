//! The scenarios by name, and which are run on what. Absent: what they do; each has a file of its own.

mod backlog;
mod grown;
mod hot;
mod house;
#[cfg(feature = "kafka")]
mod kafka;
mod many;
mod overload;
mod push;
mod rest;
mod spread;
mod steady;
mod two;

use crate::{
    lab::{Deployment, Lab},
    options::Options,
    report::{Measured, Outcome},
};
use anyhow::Result;
use clap::ValueEnum;

/// Customers, unless a scenario is about their number.
const ACCOUNTS: usize = 1_000;
/// Clients, unless a scenario is about their number.
const CLIENTS: usize = 64;
/// Clients of the second spread.
const MANY_CLIENTS: usize = 256;

/// Customers with a socket in "steady": enough for a p99.9, too few to be the load.
const WATCHING: usize = 200;

/// The side that is measured.
const SHOP: &str = "shop";
/// The baseline of most.
const PGBENCH: &str = "pgbench";

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// 1,000 accounts, 64 clients.
    #[value(name = "spread-64")]
    Spread64,
    /// 1,000 accounts, 256 clients.
    #[value(name = "spread-256")]
    Spread256,
    /// Every order on one account.
    Hot,
    /// One order at a time.
    Rest,
    /// A fixed rate, half of what spread reaches.
    Steady,
    /// The same with 5,000 sockets open.
    Push,
    /// Spread with 1,000,000 orders there already.
    Grown,
    /// 100,000 accounts in use at the same time.
    Many,
    /// Twice the rate that the shop can do.
    Overload,
    /// 200,000 orders that waited for payments.
    Backlog,
}

impl Name {
    /// The history of "grown" is written by PostgreSQL's own functions, and an embedded shop has its payments with it. Of a mock one
    /// figure is enough.
    fn runs_on(self, deployment: Deployment) -> bool {
        match deployment {
            Deployment::Servers | Deployment::Two => true,
            Deployment::Embedded => !matches!(self, Self::Grown | Self::Backlog),
            #[cfg(feature = "kafka")]
            Deployment::Kafka => self == Self::Spread64,
        }
    }
}

/// Runs all that are asked for; one that fails does not keep the others from running.
pub async fn run(lab: &Lab, options: &Options) -> Vec<Outcome> {
    let chosen = chosen(options);
    lab.progress.expect(chosen.len());
    let mut outcomes = Vec::new();
    for (name, deployment) in chosen {
        let title = format!("{} {}", word(&name), word(&deployment));
        lab.progress.scenario(&title);
        outcomes.push(Outcome::of(title, measure(lab, name, deployment).await));
        lab.progress.done();
    }
    outcomes
}

/// Named none, all.
fn chosen(options: &Options) -> Vec<(Name, Deployment)> {
    let wanted = |name: &Name| options.scenarios.is_empty() || options.scenarios.contains(name);
    let on = |deployment: &Deployment| options.deployments.is_empty() || options.deployments.contains(deployment);
    let names = Name::value_variants().iter().copied().filter(wanted);
    let deployments = || Deployment::value_variants().iter().copied().filter(on);
    let pairs = names.flat_map(|name| deployments().map(move |deployment| (name, deployment)));
    pairs.filter(|(name, deployment)| name.runs_on(*deployment)).collect()
}

fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

async fn measure(lab: &Lab, name: Name, deployment: Deployment) -> Result<Measured> {
    match (name, deployment) {
        (Name::Spread64, Deployment::Two) => two::run(lab, CLIENTS).await,
        #[cfg(feature = "kafka")]
        (_, Deployment::Kafka) => kafka::run(lab, CLIENTS).await,
        (Name::Spread64, _) => spread::run(lab, deployment, CLIENTS).await,
        (Name::Spread256, Deployment::Two) => two::run(lab, MANY_CLIENTS).await,
        (Name::Spread256, _) => spread::run(lab, deployment, MANY_CLIENTS).await,
        (Name::Hot, _) => hot::run(lab, deployment).await,
        (Name::Rest, _) => rest::run(lab, deployment).await,
        (Name::Steady, _) => steady::run(lab, deployment).await,
        (Name::Push, _) => push::run(lab, deployment).await,
        (Name::Grown, _) => grown::run(lab, deployment).await,
        (Name::Many, _) => many::run(lab, deployment).await,
        (Name::Overload, _) => overload::run(lab, deployment).await,
        (Name::Backlog, _) => backlog::run(lab, deployment).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn chosen_by(arguments: &[&str]) -> Vec<(Name, Deployment)> {
        chosen(&Options::parse_from(["bench"].iter().chain(arguments)))
    }

    #[test]
    fn all_scenarios_run_on_all_deployments_unless_some_are_named() {
        assert_eq!(chosen_by(&[]).len(), 10 * 3 - 2 + usize::from(cfg!(feature = "kafka")));
        assert_eq!(chosen_by(&["--scenario", "grown", "--deployment", "embedded"]), []);
        let hot = chosen_by(&["--scenario", "hot", "--deployment", "two", "--deployment", "servers"]);
        assert_eq!(hot, [(Name::Hot, Deployment::Servers), (Name::Hot, Deployment::Two)]);
    }
}
