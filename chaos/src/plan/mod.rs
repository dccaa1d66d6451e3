//! The plan of a run: which fault strikes whom, when, and for how long. Drawn from the seed alone: the same seed, the same plan.
//! Absent: what the machine makes of it; a server that starts slowly makes the next fault of its lane late.

mod fault;

pub use fault::{INSTANCES, Instance, Kind, Server, Service, Target, Transport};

use crate::dice::Dice;
use serde::Serialize;
use std::{collections::BTreeSet, fmt, ops::Range};

/// Before the first fault of a lane, and between two of them, in milliseconds.
const PEACE: Range<u64> = 500..2_500;

/// Faults that come one after the other; those of different lanes overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Of instances.
    Processes,
    /// Of servers.
    Servers,
    /// On the way to servers.
    Network,
    /// Of messages.
    Messages,
}

/// A fault of the plan; times in milliseconds from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When it strikes.
    pub at: u64,
    /// How long it lasts.
    pub lasts: u64,
    /// What it is.
    pub kind: Kind,
    /// Whom it strikes.
    pub target: Target,
    /// Which others it comes after.
    pub lane: Lane,
}

/// All faults of a run, in order of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// How long faults strike, in seconds.
    pub seconds: u64,
    /// What carries the messages.
    pub transport: Transport,
    /// The kinds of faults that were left out on purpose, or cannot be done to this transport.
    pub without: Vec<Kind>,
    /// The faults.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Draws a plan that does without some kinds of faults.
    pub fn draw(seed: u64, seconds: u64, transport: Transport, without: &[Kind]) -> Self {
        let without = without.iter().chain(transport.cannot()).copied().collect();
        let mut plan = Self { seed, seconds, transport, without, steps: Vec::new() };
        let lanes = [Lane::Processes, Lane::Servers, Lane::Network, Lane::Messages];
        plan.steps = lanes.into_iter().flat_map(|lane| lane.draw(&plan)).collect();
        plan.steps.sort_by_key(|step| (step.at, step.lane));
        plan
    }

    /// The seed and how long, for a headline.
    pub fn title(&self) -> String {
        let on = match self.transport {
            Transport::RabbitMq => "",
            Transport::Kafka => " on Kafka's mock",
        };
        format!("seed {}, {} s{on}", self.seed, self.seconds)
    }

    /// The faults of one lane.
    pub fn of(&self, lane: Lane) -> Vec<Step> {
        self.steps.iter().filter(|step| step.lane == lane).copied().collect()
    }

    /// The kinds that do not come up in it: it is too short.
    pub fn absent(&self) -> Vec<Kind> {
        let there: BTreeSet<_> = self.steps.iter().map(|step| step.kind).collect();
        let all = [&Kind::OF_PROCESSES[..], &Kind::OF_SERVERS, &Kind::OF_NETWORK, &Kind::OF_MESSAGES];
        all.into_iter().flatten().filter(|kind| !there.contains(kind)).copied().collect()
    }
}

impl Lane {
    const fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Servers => "servers",
            Self::Network => "network",
            Self::Messages => "messages",
        }
    }

    /// The least time between two faults of it, however late they are, after one that took so long; all in microseconds. On a machine
    /// where a server starts slowly it would else hardly ever be there.
    pub fn peace(self, took: u64) -> u64 {
        match self {
            Self::Processes | Self::Network => 500_000,
            Self::Servers => (took / 2).max(3_000_000),
            Self::Messages => 100_000,
        }
    }

    fn kinds(self, without: &[Kind]) -> Vec<Kind> {
        let all = match self {
            Self::Processes => &Kind::OF_PROCESSES[..],
            Self::Servers => &Kind::OF_SERVERS,
            Self::Network => &Kind::OF_NETWORK,
            Self::Messages => &Kind::OF_MESSAGES,
        };
        all.iter().filter(|kind| !without.contains(kind)).copied().collect()
    }

    /// Kinds are dealt like cards: each comes up before any comes again.
    fn draw(self, plan: &Plan) -> Vec<Step> {
        let Plan { seed, seconds, transport, ref without, .. } = *plan;
        let mut dice = Dice::of_part(seed, self.name());
        let (mut deck, mut steps, end) = (Vec::new(), Vec::new(), seconds * 1_000);
        let mut at = dice.within(PEACE);
        loop {
            if deck.is_empty() {
                deck = self.kinds(without);
                dice.shuffle(&mut deck);
            }
            let Some(kind) = deck.pop() else { return steps };
            let is_first = !steps.iter().any(|step: &Step| step.kind == kind);
            let (target, lasts) = (kind.strikes(transport, &mut dice), dice.within(kind.lasts(seconds, is_first)));
            if at + lasts >= end {
                return steps;
            }
            steps.push(Step { at, lasts, kind, target, lane: self });
            at += lasts + kind.rest() + dice.within(PEACE);
        }
    }
}

impl Step {
    /// What it is, in the words of the guarantees.
    pub const fn as_str(&self) -> &'static str {
        match self.target {
            Target::Server(Server::Broker(transport)) => self.kind.as_str(transport),
            _ => self.kind.as_str(Transport::RabbitMq),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = |millis: u64| format!("{}.{}", millis / 1_000, millis % 1_000 / 100);
        write!(f, "{:>6} s  {}, {}", second(self.at), self.as_str(), self.target)?;
        if self.lasts > 1 { write!(f, ", for {} s", second(self.lasts)) } else { Ok(()) }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without: Vec<_> = self.without.iter().map(|kind| kind.as_str(self.transport)).collect();
        let without = if without.is_empty() { String::new() } else { format!(" (without {})", without.join(", ")) };
        writeln!(f, "{}{without}, {} faults:", self.title(), self.steps.len())?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_one_another() {
        assert_eq!(Plan::draw(7, 60, Transport::RabbitMq, &[]), Plan::draw(7, 60, Transport::RabbitMq, &[]));
        assert_ne!(
            Plan::draw(7, 60, Transport::RabbitMq, &[]).steps,
            Plan::draw(8, 60, Transport::RabbitMq, &[]).steps
        );
    }

    #[test]
    fn on_kafka_it_is_the_same_without_what_its_mock_cannot_do() {
        let without = Plan::draw(7, 60, Transport::RabbitMq, &[Kind::BrokerEmptied]);
        let plan = Plan::draw(7, 60, Transport::Kafka, &[]);
        let as_on_rabbitmq = |step: &Step| match step.target {
            Target::Server(Server::Broker(_)) => {
                Step { target: Target::Server(Server::Broker(Transport::RabbitMq)), ..*step }
            }
            _ => *step,
        };
        assert_eq!(plan.steps.iter().map(as_on_rabbitmq).collect::<Vec<_>>(), without.steps);
        let shown = plan.to_string();
        assert!(shown.starts_with("seed 7, 60 s on Kafka's mock (without Kafka back empty), "), "{shown}");
        assert!(shown.contains("Kafka away for long, Kafka") && !shown.contains("RabbitMQ"), "{shown}");
    }

    #[test]
    fn ten_minutes_have_every_kind_of_fault_on_any_seed() {
        for seed in 0..200 {
            assert_eq!(Plan::draw(seed, 600, Transport::RabbitMq, &[]).absent(), []);
            assert_eq!(Plan::draw(seed, 600, Transport::RabbitMq, &[Kind::Panic]).absent(), [Kind::Panic]);
        }
    }

    #[test]
    fn in_a_long_run_an_instance_stands_still_for_minutes_on_any_seed() {
        let of_minutes = |seed, seconds| {
            let steps = Plan::draw(seed, seconds, Transport::RabbitMq, &[]).steps;
            steps.iter().filter(|step| step.kind == Kind::Zombie && (90_000..150_000).contains(&step.lasts)).count()
        };
        for seed in 0..200 {
            assert_eq!([fault::LONG_RUN - 1, fault::LONG_RUN, 600].map(|seconds| of_minutes(seed, seconds)), [0, 1, 1]);
        }
    }

    #[test]
    fn a_minute_has_nearly_every_kind_and_lanes_overlap() {
        for seed in 0..200 {
            let plan = Plan::draw(seed, 60, Transport::RabbitMq, &[]);
            assert!(plan.absent().len() <= 2, "{:?}", plan.absent());
            let overlap = |one: &Step, other: &Step| one.lane != other.lane && other.at < one.at + one.lasts;
            assert!(plan.steps.windows(2).any(|pair| overlap(&pair[0], &pair[1])));
        }
    }

    #[test]
    fn faults_of_one_lane_never_overlap_and_none_outlives_the_run() {
        for seed in 0..50 {
            let plan = Plan::draw(seed, 60, Transport::RabbitMq, &[]);
            for lane in [Lane::Processes, Lane::Servers, Lane::Network, Lane::Messages] {
                let steps = plan.of(lane);
                assert!(steps.windows(2).all(|pair| pair[0].at + pair[0].lasts < pair[1].at));
                assert!(steps.iter().all(|step| step.at + step.lasts < 60_000));
            }
        }
    }
}
