//! Striking as planned: four lanes that overlap, each one fault after the other, each fault undone before the lane's next.
//! Absent: deciding anything; the plan has, and what the machine makes late stays in its order.

mod messages;
mod network;
mod processes;
mod servers;

pub use messages::{Messages, Overheard};
pub use network::Network;
pub use processes::Processes;
pub use servers::Servers;

use crate::{
    clients::Recorder,
    history::Time,
    plan::{Kind, Step},
    progress::Progress,
};
use anyhow::Result;
use serde::Serialize;
use std::{
    error::Error,
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// A fault that was done, and undone.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Struck {
    /// As planned.
    pub step: Step,
    /// When it really began.
    pub begun: Time,
    /// When it was undone.
    pub ended: Time,
}

/// What came of the plan. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Events>>);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// Done and undone.
    pub struck: Vec<Struck>,
    /// Not possible at that moment, such as telling a broker something that is away.
    pub skipped: Vec<(Step, String)>,
    /// Their time had not come when the run ended, because those before them took longer than planned.
    pub too_late: u64,
    /// What must not be, such as an instance that does not start again.
    pub complaints: Vec<String>,
}

/// A lane's hands.
pub trait Strike: Send {
    /// Does a fault, waits as long as it lasts, and undoes it.
    ///
    /// # Errors
    /// When that is not possible.
    fn strike(&mut self, step: &Step) -> impl Future<Output = Result<()>> + Send;

    /// Whether an error means that something is wrong with the shop, and not only that others strike at the same time.
    fn is_serious(&self) -> bool {
        true
    }
}

impl Log {
    /// Everything so far.
    pub fn events(&self) -> Events {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something that must not be.
    pub fn complain(&self, what: String) {
        self.note(|events| events.complaints.push(what));
    }

    fn note(&self, change: impl FnOnce(&mut Events)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Goes through a lane's steps. A step whose time comes after the run's end, because others took long, is left out.
pub async fn strike_all<Hands: Strike>(
    mut hands: Hands,
    steps: Vec<Step>,
    end: Time,
    recorder: Recorder,
    log: Log,
    progress: Progress,
) -> Hands {
    let mut rested = 0;
    for step in steps {
        sleep(Duration::from_micros((step.at * 1_000).max(rested).saturating_sub(recorder.now()))).await;
        let begun = recorder.now();
        if begun >= end {
            log.note(|events| events.too_late += 1);
            continue;
        }
        progress.strikes(&step);
        match hands.strike(&step).await {
            Ok(()) => {
                let struck = Struck { step, begun, ended: recorder.now() };
                log.note(|events| events.struck.push(struck));
            }
            Err(error) if hands.is_serious() && !error.is::<NotPossible>() => {
                log.complain(format!("{step}: {error:#}"))
            }
            Err(error) => log.note(|events| events.skipped.push((step, format!("{error:#}")))),
        }
        rested = recorder.now() + step.lane.peace(recorder.now() - begun);
    }
    hands
}

/// A fault that did not come about, which is nobody's fault.
#[derive(Debug)]
struct NotPossible(String);

impl fmt::Display for NotPossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for NotPossible {}

async fn lasts(step: &Step) {
    sleep(Duration::from_millis(step.lasts)).await;
}

/// A kind that is not this lane's.
fn misplaced(kind: Kind) -> anyhow::Error {
    anyhow::anyhow!("{kind:?} belongs to another lane")
}
