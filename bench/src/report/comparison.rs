//! Two figures, their ratio, and what it should be. Absent: how that is shown.

use crate::{
    rounds::Rounds,
    stats,
    wishes::{BOUND, LEAST, Reached, WITHIN, Wish},
};
use serde::Serialize;

/// A side of a scenario and the name of one of its figures.
pub type Of = (&'static str, &'static str);

/// A ratio, and what was wished for.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Which figure.
    pub ours: String,
    /// Its median.
    pub figure: f64,
    /// Against which.
    pub theirs: String,
    /// Its median.
    pub unit: f64,
    /// The median of the rounds' ratios.
    pub ratio: f64,
    /// What it should be.
    pub wish: Wish,
    /// What it has reached.
    pub reached: Reached,
}

impl Comparison {
    /// Of two figures of the same rounds.
    pub fn of(rounds: &Rounds, ours: Of, theirs: Of, wish: Wish) -> Self {
        let ratio = rounds.ratio(ours, theirs);
        Self {
            ours: ours.1.to_owned(),
            figure: rounds.median(ours),
            theirs: format!("{} {}", theirs.0, theirs.1),
            unit: rounds.median(theirs),
            ratio,
            wish,
            reached: wish.reached(ratio),
        }
    }

    /// Of a figure with the most that it may be.
    pub fn within(rounds: &Rounds, ours: Of, most: f64) -> Self {
        Self::limited(rounds, ours, ("the most allowed", most), WITHIN)
    }

    /// Of a figure with the most that it may be, where more would be a defect.
    pub fn bound(rounds: &Rounds, ours: Of, most: f64) -> Self {
        Self::limited(rounds, ours, ("the most allowed", most), BOUND)
    }

    /// Of a figure with the least that it may be, where less would be a defect.
    pub fn at_least(rounds: &Rounds, ours: Of, least: f64) -> Self {
        Self::limited(rounds, ours, ("the least allowed", least), LEAST)
    }

    /// Whether it is a bound that was not kept.
    pub fn broken(&self) -> bool {
        self.wish.bound && self.reached == Reached::Missed
    }

    fn limited(rounds: &Rounds, ours: Of, (which, limit): (&str, f64), wish: Wish) -> Self {
        let figure = rounds.median(ours);
        let ratio = stats::ratio(figure, limit);
        let theirs = which.to_owned();
        Self { ours: ours.1.to_owned(), figure, theirs, unit: limit, ratio, wish, reached: wish.reached(ratio) }
    }
}
