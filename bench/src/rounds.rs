//! What was measured: figures by name, round by round, side by side. Absent: measuring, and what the figures should have been.

use crate::stats;
use serde::Serialize;
use std::collections::BTreeMap;

/// The figures of one measurement by name, such as `final_per_s`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures(BTreeMap<&'static str, f64>);

impl Figures {
    /// Adds a figure.
    #[must_use]
    pub fn with(mut self, name: &'static str, figure: f64) -> Self {
        self.0.insert(name, figure);
        self
    }

    /// A figure by its name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }
}

/// All rounds of all sides of a scenario, each side under its name, such as `pgbench`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rounds(BTreeMap<&'static str, Vec<Figures>>);

impl Rounds {
    /// Adds a side's next round.
    pub fn add(&mut self, side: &'static str, figures: Figures) {
        self.0.entry(side).or_default().push(figures);
    }

    /// The sides, each with the medians of all its figures.
    pub fn medians(&self) -> impl Iterator<Item = (&'static str, Vec<(&'static str, f64)>)> + '_ {
        self.0.iter().map(|(side, rounds)| {
            let names = rounds.first().into_iter().flat_map(|figures| figures.0.keys().copied());
            (*side, names.map(|name| (name, self.median((side, name)))).collect())
        })
    }

    /// A figure of a side's last round.
    pub fn last(&self, of: (&str, &str)) -> f64 {
        self.all(of).pop().unwrap_or(f64::NAN)
    }

    /// The median of one figure of one side.
    pub fn median(&self, (side, name): (&str, &str)) -> f64 {
        stats::median(&self.all((side, name)))
    }

    /// The median of the ratios that the rounds have had: noise that lasts for a round is in both of its halves.
    pub fn ratio(&self, ours: (&str, &str), theirs: (&str, &str)) -> f64 {
        let pairs = self.all(ours).into_iter().zip(self.all(theirs));
        stats::median(&pairs.map(|(ours, theirs)| stats::ratio(ours, theirs)).collect::<Vec<_>>())
    }

    fn all(&self, (side, name): (&str, &str)) -> Vec<f64> {
        let rounds = self.0.get(side).into_iter().flatten();
        rounds.filter_map(|figures| figures.0.get(name).copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let mut rounds = Rounds::default();
        for (ours, theirs) in [(20.0, 10.0), (3.0, 1.0), (400.0, 100.0)] {
            rounds.add("ours", Figures::default().with("x", ours));
            rounds.add("theirs", Figures::default().with("x", theirs));
        }
        assert!((rounds.ratio(("ours", "x"), ("theirs", "x")) - 3.0).abs() < f64::EPSILON);
        assert!((rounds.median(("ours", "x")) - 20.0).abs() < f64::EPSILON);
    }
}
