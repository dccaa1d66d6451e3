//! What is told at the end: medians, the table of ratios next to what was wished for, and all rounds as JSON.
//! Absent: measuring.

mod comparison;
mod table;

pub use comparison::Comparison;

use crate::{options::Options, rounds::Rounds};
use anyhow::{Context, Result};
use serde::Serialize;
use std::{fs::File, io::Write, path::Path};

/// The figures of a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// All rounds.
    pub rounds: Rounds,
    /// What they say.
    pub comparisons: Vec<Comparison>,
}

/// A scenario's figures, or why it has none.
#[derive(Debug, Serialize)]
pub struct Outcome {
    scenario: String,
    measured: Option<Measured>,
    failed: Option<String>,
}

impl Outcome {
    /// From the result of running it.
    pub fn of(scenario: String, measured: Result<Measured>) -> Self {
        match measured {
            Ok(measured) => Self { scenario, measured: Some(measured), failed: None },
            Err(error) => Self { scenario, measured: None, failed: Some(format!("{error:#}")) },
        }
    }
}

/// All of it.
#[derive(Debug, Serialize)]
pub struct Report {
    rounds: u32,
    seconds: u64,
    quick: bool,
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Of these outcomes.
    pub fn of(options: &Options, outcomes: Vec<Outcome>) -> Self {
        Self { rounds: options.rounds(), seconds: options.time().as_secs(), quick: options.quick, outcomes }
    }

    /// Whether every scenario has figures, and kept its bounds unless the figures mean nothing.
    pub fn complete(&self) -> bool {
        let kept = |measured: &Measured| self.quick || !measured.comparisons.iter().any(Comparison::broken);
        self.outcomes.iter().all(|outcome| outcome.measured.as_ref().is_some_and(kept))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Figures;
    use anyhow::anyhow;
    use clap::Parser;

    #[test]
    fn a_bound_that_is_broken_is_a_failure_unless_the_figures_mean_nothing() {
        let mut rounds = Rounds::default();
        rounds.add("shop", Figures::default().with("pause_s", 3.0));
        for (most, arguments, complete) in [
            (3.0, ["bench"].as_slice(), true),
            (2.0, ["bench"].as_slice(), false),
            (2.0, ["bench", "--quick"].as_slice(), true),
        ] {
            let comparisons = vec![Comparison::bound(&rounds, ("shop", "pause_s"), most)];
            let outcome = Outcome::of("backlog".to_owned(), Ok(Measured { rounds: rounds.clone(), comparisons }));
            let report = Report::of(&Options::parse_from(arguments), vec![outcome]);
            assert_eq!(report.complete(), complete, "{most} {arguments:?}");
        }
        for (least, broken) in [(3.0, false), (4.0, true)] {
            assert_eq!(Comparison::at_least(&rounds, ("shop", "pause_s"), least).broken(), broken, "{least}");
        }
        assert!(Comparison::at_least(&rounds, ("shop", "never measured"), 1.0).broken());
        let wish = Comparison::within(&rounds, ("shop", "pause_s"), 2.0);
        assert!(!wish.broken(), "it is only wished for");
    }

    #[test]
    fn a_scenario_that_failed_has_no_figures_and_says_why() {
        let options = Options::parse_from(["bench"]);
        let report = Report::of(&options, vec![Outcome::of("spread".to_owned(), Err(anyhow!("a cent is missing")))]);
        assert!(!report.complete());
        assert!(report.to_string().contains("FAILED: a cent is missing"));
    }
}
