//! One run: open, gather the crowd, strike as planned, heal, drain, audit, check.
//! Absent: how each of these is done, and the report's words.

use crate::{
    broker::lock,
    check::{Excuses, Spans, check},
    clients::Recorder,
    crowd::Crowd,
    dice::Dice,
    history::Truth,
    inject::{Events, Log, Messages, Overheard, Processes, strike_all},
    lab::Lab,
    options::Options,
    plan::{Kind, Lane, Plan},
    poison::Sums,
    progress::Progress,
    report::{Audit, Evidence, Report},
};
use anyhow::Result;
use e2e::{Books, Shop};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// After everything is healed: orders that a broker has lost with its data wait for their deadline; a cancel that was lost with it
/// is asked for again after a minute, and if that was lost, too, after as long again as it has waited. So the longer faults have
/// struck, the longer the last one may take.
const DRAIN: Duration = Duration::from_secs(240);
/// The last order of each buyer, placed when everything is healed.
const LAST_ORDERS: Duration = Duration::from_secs(180);
/// Pushes follow their commit within moments; a watcher may just be going to another instance.
const PUSHED_WITHIN: Duration = Duration::from_secs(45);
/// The same for dead letters.
const DEAD_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Does it all; `Err` only when the run itself was not possible.
///
/// # Errors
/// When a server or the shop does not even start, or nothing can be read in the end.
pub async fn run(options: &Options, plan: &Plan) -> Result<Report> {
    let progress = Progress::of(plan.seconds);
    progress.part("starting servers and the shop");
    let lab = Lab::open(options).await?;
    let (recorder, log) = (Recorder::start(), Log::default());
    let mut crowd = Crowd::gather(&lab.shop.client()?, plan.seed, &recorder).await?;
    let watching = (&recorder, &log, &progress);
    let (mut lab, messages) = strike(options, plan, lab, watching).await;
    let settled = settle(plan, &mut lab, &mut crowd, messages, watching).await?;
    let dead = dead_letters(&lab, &log).await;
    if let Err(error) = lab.shop.stop().await {
        log.complain(format!("while stopping: {error:#}"));
    }
    let last = audit_once(&lab.books).await?;
    progress.done();
    let evidence = Evidence {
        plan: plan.clone(),
        history: recorder.history(),
        truth: settled.truth,
        events: log.events(),
        audit: if settled.audit.in_order { last } else { settled.audit },
        dead,
        drained: settled.after,
    };
    let excuses = excuses(&evidence.events, options);
    Ok(judge(evidence, &excuses, &mut lab.shop))
}

/// What there is when nothing is under way any more.
struct Settled {
    audit: Audit,
    truth: Truth,
    /// How long that took from when everything was healed.
    after: Duration,
}

/// Heals, has the buyers place their last orders, and waits for everything that is under way, pushes among it.
async fn settle(
    plan: &Plan,
    lab: &mut Lab,
    crowd: &mut Crowd,
    mut messages: Messages,
    (recorder, log, progress): Watching<'_>,
) -> Result<Settled> {
    progress.part("healing");
    heal(lab, log).await;
    let healed = Instant::now();
    for outcome in [messages.last_poison().await, crowd.stop_buying(LAST_ORDERS).await] {
        outcome.unwrap_or_else(|error| log.complain(format!("when all was healed: {error:#}")));
    }
    progress.part("draining");
    let audit = drain(&lab.books, DRAIN + Duration::from_secs(plan.seconds)).await?;
    let (truth, after) = (crowd.truth().await?, healed.elapsed());
    progress.part("waiting for pushes and dead letters");
    eventually(PUSHED_WITHIN, || check(&recorder.history(), &truth, &Excuses::ALL).is_empty()).await;
    crowd.stop_watching().await;
    Ok(Settled { audit, truth, after })
}

fn excuses(events: &Events, options: &Options) -> Excuses {
    let during = |kind: Kind| {
        let of_kind = events.struck.iter().filter(|struck| struck.step.kind == kind);
        Spans::During(of_kind.map(|struck| (struck.begun, struck.ended)).collect())
    };
    let panics = if options.failpoints.is_empty() { during(Kind::Panic) } else { Spans::Always };
    Excuses { panics, zombies: during(Kind::Zombie) }
}

fn judge(evidence: Evidence, excuses: &Excuses, shop: &mut Shop) -> Report {
    let Evidence { history, truth, .. } = &evidence;
    let findings = check(history, truth, excuses);
    let mut report = Report::of(evidence, findings);
    if !report.in_order {
        report.logs = Some(shop.keep_logs());
    }
    report
}

type Watching<'a> = (&'a Recorder, &'a Log, &'a Progress);

/// All lanes at once, until the last is through.
async fn strike(options: &Options, plan: &Plan, lab: Lab, (recorder, log, progress): Watching<'_>) -> (Lab, Messages) {
    progress.part("striking");
    let Lab { shop, books, broker, letters, network, servers } = lab;
    let stop = CancellationToken::new();
    let overheard = Overheard::default();
    tokio::spawn(overheard.clone().listen(Arc::clone(&broker), stop.clone()));
    tokio::spawn(show(recorder.clone(), progress.clone(), stop.clone()));
    let messages = Messages {
        broker: Arc::clone(&broker),
        overheard,
        recorder: recorder.clone(),
        letters: Arc::clone(&letters),
        dice: Dice::of_part(plan.seed, "which messages"),
    };
    let processes = Processes { shop, failpoints: options.failpoints.clone() };
    let end = plan.seconds * 1_000_000;
    // Each on a task of its own: some block.
    macro_rules! lane {
        ($hands:expr, $lane:expr) => {
            tokio::spawn(strike_all($hands, plan.of($lane), end, recorder.clone(), log.clone(), progress.clone()))
        };
    }
    let (processes, servers, network, messages) = tokio::join!(
        lane!(processes, Lane::Processes),
        lane!(servers, Lane::Servers),
        lane!(network, Lane::Network),
        lane!(messages, Lane::Messages)
    );
    sleep(Duration::from_micros(end.saturating_sub(recorder.now()))).await;
    stop.cancel();
    let (processes, servers, network) = (processes.expect(LANE), servers.expect(LANE), network.expect(LANE));
    (Lab { shop: processes.shop, books, broker, letters, network, servers }, messages.expect(LANE))
}

/// A lane ends by itself.
const LANE: &str = "a lane has panicked";

async fn show(recorder: Recorder, progress: Progress, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let (finals, attempts) = recorder.progress();
        progress.at(recorder.now() / 1_000_000, finals, attempts);
        sleep(LOOK_AGAIN).await;
    }
}

/// Clean networks, running servers, all three instances of each service.
async fn heal(lab: &mut Lab, log: &Log) {
    let healed = [lab.network.heal(), lab.servers.heal(), lab.shop.start().await];
    for error in healed.into_iter().filter_map(Result::err) {
        log.complain(format!("while healing: {error:#}"));
    }
}

async fn audit_once(books: &Books) -> Result<Audit> {
    let report = books.audit(true).await?;
    let shown = if report.in_order { String::new() } else { report.to_string() };
    Ok(Audit { in_order: report.in_order, violations: report.violations, shown })
}

/// Until nothing is on its way and the books are right, or for so long. What is wrong even with books that may have something under
/// way does not become right.
async fn drain(books: &Books, limit: Duration) -> Result<Audit> {
    let deadline = Instant::now() + limit;
    loop {
        let audit = audit_once(books).await?;
        if audit.in_order || Instant::now() >= deadline || !books.audit(false).await?.in_order {
            return Ok(audit);
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn eventually(limit: Duration, mut come: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !come() && Instant::now() < deadline {
        sleep(LOOK_AGAIN).await;
    }
}

async fn dead_letters(lab: &Lab, log: &Log) -> Sums {
    let letters = || lock(&lab.letters);
    let deadline = Instant::now() + DEAD_WITHIN;
    loop {
        if let Err(error) = lab.broker.collect(&lab.letters).await {
            log.complain(format!("the dead letters cannot be collected: {error:#}"));
        }
        if letters().complete() || Instant::now() >= deadline {
            return letters().sums();
        }
        sleep(LOOK_AGAIN).await;
    }
}
