//! Where the run stands: a bar on a terminal, else a line for each scenario. Absent: figures; they come at the end.
#![expect(clippy::print_stderr, reason = "this is where a program without a terminal says how far it is")]

use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

const TEMPLATE: &str = "{elapsed_precise} [{bar:30}] {pos}/{len} {prefix}: {msg}";
/// Often enough for the clock to run.
const TICK: Duration = Duration::from_secs(1);

/// Shows progress on standard error.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Nothing done yet.
    pub fn new() -> Self {
        let bar = if stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self { bar }
    }

    /// So many scenarios are to come.
    pub fn expect(&self, scenarios: usize) {
        self.bar.set_length(u64::try_from(scenarios).unwrap_or(u64::MAX));
    }

    /// A scenario begins.
    pub fn scenario(&self, name: &str) {
        self.bar.set_prefix(name.to_owned());
        self.say("preparing");
        if self.bar.is_hidden() {
            eprintln!("{name}");
        }
    }

    /// What happens now.
    pub fn say(&self, what: &'static str) {
        self.bar.set_message(what);
    }

    /// A scenario is done.
    pub fn done(&self) {
        self.bar.inc(1);
    }
}
