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
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Of these outcomes.
    pub fn of(options: &Options, outcomes: Vec<Outcome>) -> Self {
        Self { rounds: options.rounds(), seconds: options.time().as_secs(), outcomes }
    }

    /// Whether every scenario has figures.
    pub fn complete(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.measured.is_some())
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
    use anyhow::anyhow;
    use clap::Parser;

    #[test]
    fn a_scenario_that_failed_has_no_figures_and_says_why() {
        let options = Options::parse_from(["bench"]);
        let report = Report::of(&options, vec![Outcome::of("spread".to_owned(), Err(anyhow!("a cent is missing")))]);
        assert!(!report.complete());
        assert!(report.to_string().contains("FAILED: a cent is missing"));
    }
}
