//! Where the run stands: a bar on a terminal, else a line for each fault and each part. Absent: the verdict.
#![expect(clippy::print_stderr, reason = "this is where a program without a terminal says how far it is")]

use crate::plan::Step;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{IsTerminal, stderr},
    sync::Arc,
    time::Duration,
};

const TEMPLATE: &str = "{elapsed_precise} [{bar:30}] {pos}/{len} s  {prefix}  {msg}";
/// Often enough for the clock to run.
const TICK: Duration = Duration::from_secs(1);

/// Shows progress on standard error. A cheap clone.
#[derive(Clone, Debug)]
pub struct Progress(Arc<ProgressBar>);

impl Progress {
    /// Of a run of so many seconds.
    pub fn of(seconds: u64) -> Self {
        let bar = if stderr().is_terminal() { ProgressBar::new(seconds) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self(Arc::new(bar))
    }

    /// A part of the run begins.
    pub fn part(&self, what: &'static str) {
        self.0.set_message(what);
        if self.0.is_hidden() {
            eprintln!("{what}");
        }
    }

    /// A fault strikes.
    pub fn strikes(&self, step: &Step) {
        self.0.set_message(step.to_string().trim_start().to_owned());
        if self.0.is_hidden() {
            eprintln!("{step}");
        }
    }

    /// So many seconds are over, and so much was done.
    pub fn at(&self, seconds: u64, finals: usize, attempts: usize) {
        self.0.set_position(seconds);
        self.0.set_prefix(format!("{finals} orders final, {attempts} requests"));
    }

    /// Takes the bar away.
    pub fn done(&self) {
        self.0.finish_and_clear();
    }
}
