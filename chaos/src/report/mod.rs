//! What is told at the end, in the words of the guarantees: as text, and the same as JSON.
//! Absent: judging; whatever is wrong was found before.

mod recovery;
mod sums;
mod text;

pub use sums::Sums;

use crate::{
    check::Finding,
    history::{History, Truth},
    inject::{Events, Struck},
    plan::{Kind, Plan, Step, Transport},
    poison,
};
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// From so many seconds on a lane without a single fault was no run at all, and from so many a kind that never came to it.
const EVERY_LANE: u64 = 60;
const EVERY_KIND: u64 = 300;
/// Findings of which the whole history is shown.
const SHOWN: usize = 5;

/// What a run leaves behind.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What was planned.
    pub plan: Plan,
    /// What clients did and saw.
    pub history: History,
    /// What the shop says in the end.
    pub truth: Truth,
    /// What came of the plan.
    pub events: Events,
    /// What the books say.
    pub audit: Audit,
    /// What became of the poison.
    pub dead: poison::Sums,
    /// How long it took from healed to settled.
    pub drained: Duration,
}

/// The verdict on the books.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Audit {
    /// Whether they are in order and settled.
    pub in_order: bool,
    /// What is wrong.
    pub violations: u64,
    /// The audit's own report, if anything is.
    pub shown: String,
}

/// How long the shop took to be well again.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recovery {
    /// Faults that interrupt something.
    pub faults: u64,
    /// In milliseconds.
    pub p50_ms: Option<u64>,
    /// In milliseconds.
    pub p99_ms: Option<u64>,
    /// The longest of each kind, in milliseconds.
    pub worst_ms: BTreeMap<&'static str, u64>,
    /// Faults after which no order was seen to become final.
    pub never: Vec<String>,
    /// Each fault with its real times.
    pub times: Vec<Recovered>,
}

/// A fault and how long the shop took to be well again; times in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Recovered {
    /// What it was.
    pub kind: Kind,
    /// When it really began.
    pub begun_ms: u64,
    /// When it was undone.
    pub ended_ms: u64,
    /// How long after that.
    pub after_ms: Option<u64>,
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether nothing is wrong.
    pub in_order: bool,
    /// What was planned, and can be again.
    pub plan: Plan,
    /// Of orders, top-ups and cancels.
    pub wishes: BTreeMap<&'static str, Sums>,
    /// Orders that there are in the end, by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Pushes heard.
    pub pushes: u64,
    /// Clients with sockets.
    pub watchers: usize,
    /// Times that one of them has connected again.
    pub resumed: u64,
    /// Faults that were done, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Faults that were not possible at their moment.
    pub skipped: Vec<String>,
    /// Faults whose time had not come when the run ended.
    pub too_late: u64,
    /// Kinds that were not done.
    pub not_in_this_run: Vec<&'static str>,
    /// Times to recover.
    pub recovery: Recovery,
    /// From healed to settled.
    pub drained_s: u64,
    /// The poison.
    pub dead: poison::Sums,
    /// The books.
    pub audit: Audit,
    /// What must not be.
    pub complaints: Vec<String>,
    /// Broken promises.
    pub findings: Vec<Finding>,
    /// The histories of the first of them.
    pub histories: Vec<Vec<String>>,
    /// Where the logs are kept, if anything is wrong.
    pub logs: Option<PathBuf>,
}

impl Report {
    /// Of this evidence and what was found in it.
    pub fn of(evidence: Evidence, findings: Vec<Finding>) -> Self {
        let Evidence { plan, history, truth, mut events, audit, dead, drained } = evidence;
        events.complaints.extend(unstruck(&plan, &events.struck));
        let dead_in_order = dead.missing.is_empty() && dead.unexplained.is_empty();
        let history_of = |finding: &Finding| history.of(finding.order.as_deref(), finding.key.as_deref());
        let recovery = Recovery::of(&history, &events.struck);
        let clean = findings.is_empty() && events.complaints.is_empty() && recovery.never.is_empty();
        Self {
            in_order: clean && audit.in_order && dead_in_order,
            wishes: sums::sums(&history, &findings),
            outcomes: counted(truth.orders.iter().map(|order| order.state.outcome.clone())),
            pushes: u64::try_from(history.pushes.len()).unwrap_or(u64::MAX),
            watchers: history.watchers.len(),
            resumed: history.resumed,
            faults: counted(events.struck.iter().map(|struck| struck.step.as_str())),
            skipped: events.skipped.iter().map(|(step, why)| format!("{step}: {why}")).collect(),
            too_late: events.too_late,
            not_in_this_run: absent(plan.transport, &events.struck),
            recovery,
            drained_s: drained.as_secs(),
            dead,
            audit,
            complaints: events.complaints,
            histories: findings.iter().take(SHOWN).map(history_of).collect(),
            findings,
            logs: None,
            plan,
        }
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let mut written = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
        serde_json::to_writer_pretty(&mut written, self)?;
        Ok(writeln!(written)?)
    }
}

impl Recovery {
    fn of(history: &History, struck: &[Struck]) -> Self {
        let times = recovery::recoveries(history, struck);
        let known: Vec<_> = times.iter().filter_map(|(_, time)| *time).collect();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut worst_ms = BTreeMap::new();
        for (struck, time) in &times {
            let worst = worst_ms.entry(struck.step.as_str()).or_default();
            *worst = millis(time.unwrap_or_default()).max(*worst);
        }
        let never = times.iter().filter(|(_, time)| time.is_none());
        Self {
            faults: u64::try_from(times.len()).unwrap_or(u64::MAX),
            p50_ms: recovery::percentile(&known, 50).map(millis),
            p99_ms: recovery::percentile(&known, 99).map(millis),
            worst_ms,
            times: times.iter().map(|(struck, time)| recovered(struck, time.map(millis))).collect(),
            never: never.map(|(struck, _)| struck.step.to_string()).collect(),
        }
    }
}

fn recovered(struck: &Struck, after_ms: Option<u64>) -> Recovered {
    let Struck { step, begun, ended } = struck;
    Recovered { kind: step.kind, begun_ms: begun / 1_000, ended_ms: ended / 1_000, after_ms }
}

/// What a run of this length should have done and has not.
fn unstruck(plan: &Plan, struck: &[Struck]) -> Vec<String> {
    let lanes: BTreeSet<_> = struck.iter().map(|struck| struck.step.lane).collect();
    let kinds: BTreeSet<_> = struck.iter().map(|struck| struck.step.kind).collect();
    let lane = |step: &&Step| plan.seconds >= EVERY_LANE && !lanes.contains(&step.lane);
    let kind = |step: &&Step| plan.seconds >= EVERY_KIND && !kinds.contains(&step.kind);
    let silent = plan.steps.iter().filter(lane).map(|step| format!("no fault of the lane {:?} was done", step.lane));
    let absent = plan.steps.iter().filter(kind).map(|step| format!("planned and never done: {}", step.as_str()));
    silent.chain(absent).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The kinds of faults that were not done.
fn absent(transport: Transport, struck: &[Struck]) -> Vec<&'static str> {
    let done: BTreeSet<_> = struck.iter().map(|struck| struck.step.kind).collect();
    Kind::value_variants().iter().filter(|kind| !done.contains(kind)).map(|kind| kind.as_str(transport)).collect()
}

fn counted<T: Ord>(things: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    let mut counts = BTreeMap::new();
    things.for_each(|thing| *counts.entry(thing).or_default() += 1);
    counts
}
