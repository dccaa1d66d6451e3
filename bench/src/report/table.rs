//! The report as text: each scenario's medians, then one line for each ratio. Absent: colours.

use super::{Comparison, Outcome, Report};
use std::fmt;

const HEAD: [&str; 9] = ["scenario", "figure", "", "against", "", "ratio", "at least", "goal", "reached"];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outcomes.iter().try_for_each(|outcome| outcome.medians(f))?;
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.extend(self.outcomes.iter().flat_map(Outcome::rows));
        let width = |column: usize| rows.iter().map(|row: &[String; 9]| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 9] = std::array::from_fn(width);
        writeln!(f)?;
        rows.iter().try_for_each(|row| line(f, row, &widths))
    }
}

impl Outcome {
    fn medians(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.scenario)?;
        if let Some(why) = &self.failed {
            writeln!(f, "  FAILED: {why}")?;
        }
        for (side, medians) in self.measured.iter().flat_map(|measured| measured.rounds.medians()) {
            let figures: Vec<_> = medians.iter().map(|(name, figure)| format!("{name} {figure:.2}")).collect();
            writeln!(f, "  {side}: {}", figures.join(", "))?;
        }
        Ok(())
    }

    fn rows(&self) -> Vec<[String; 9]> {
        let comparisons = self.measured.iter().flat_map(|measured| &measured.comparisons);
        comparisons.map(|comparison| cells(&self.scenario, comparison)).collect()
    }
}

fn cells(scenario: &str, comparison: &Comparison) -> [String; 9] {
    let number = |number: f64| format!("{number:.2}");
    [
        scenario.to_owned(),
        comparison.ours.clone(),
        number(comparison.figure),
        comparison.theirs.clone(),
        number(comparison.unit),
        number(comparison.ratio),
        number(comparison.wish.at_least),
        number(comparison.wish.goal),
        comparison.reached.as_str().to_owned(),
    ]
}

/// Texts to the left, numbers to the right.
fn line(f: &mut fmt::Formatter<'_>, row: &[String; 9], widths: &[usize; 9]) -> fmt::Result {
    let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, &width))| match column {
        0 | 1 | 3 | 8 => format!("{cell:<width$}"),
        _ => format!("{cell:>width$}"),
    });
    writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())
}
