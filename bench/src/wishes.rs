//! What the figures shall be: the smallest ratio that is acceptable, and the goal, of each comparison.
//! Absent: measuring; a wish that is missed is printed as such and fails nothing, unless it is a bound.

use serde::Serialize;

/// Which way a figure shall go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// As high as possible.
    More,
    /// As low as possible.
    Less,
}

/// A wish for the ratio of two figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Wish {
    /// Must be.
    pub at_least: f64,
    /// Should be.
    pub goal: f64,
    /// The direction.
    pub better: Better,
    /// Whether it is more than a wish: missing it is a failure.
    pub bound: bool,
}

/// Finals a second against pgbench.
pub const SPREAD: Wish = Wish::more(2.0, 3.5);
/// The same in one process.
pub const SPREAD_EMBEDDED: Wish = Wish::more(4.0, 6.0);
/// Finals a second on one account against pgbench on one row.
pub const HOT: Wish = Wish::more(3.0, 5.0);
/// The same against the shop's own spread.
pub const HOT_AGAINST_SPREAD: Wish = Wish::more(0.9, 1.0);
/// The way of one order against the same commits and publishes.
pub const REST: Wish = Wish::less(3.0, 1.5);
/// The slowest hundredth under half load against the median at rest.
pub const STEADY: Wish = Wish::less(20.0, 8.0);
/// Full tables against empty ones.
pub const GROWN: Wish = Wish::more(0.9, 1.0);
/// From commit to socket against POST to final.
pub const PUSH: Wish = Wish::less(1.0, 0.5);
/// Two instances of each service against one.
pub const TWO: Wish = Wish::more(0.85, 1.0);
/// A quantity against the most it may be.
pub const WITHIN: Wish = Wish::less(1.0, 1.0);
/// The same, where more would be a defect.
pub const BOUND: Wish = Wish { bound: true, ..WITHIN };
/// A quantity against the least it may be, where less would be a defect.
pub const LEAST: Wish = Wish { bound: true, ..Wish::more(1.0, 1.0) };

impl Wish {
    const fn more(at_least: f64, goal: f64) -> Self {
        Self { at_least, goal, better: Better::More, bound: false }
    }

    const fn less(at_least: f64, goal: f64) -> Self {
        Self { at_least, goal, better: Better::Less, bound: false }
    }

    /// What a ratio has reached.
    pub fn reached(self, ratio: f64) -> Reached {
        let reaches = |wished: f64| match self.better {
            Better::More => ratio >= wished,
            Better::Less => ratio <= wished,
        };
        match (reaches(self.goal), reaches(self.at_least)) {
            (true, _) => Reached::Goal,
            (false, true) => Reached::AtLeast,
            (false, false) => Reached::Missed,
        }
    }
}

/// How far a wish came true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// All of it.
    Goal,
    /// Enough of it.
    AtLeast,
    /// Too little.
    Missed,
}

impl Reached {
    /// For the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Goal => "goal",
            Self::AtLeast => "at least",
            Self::Missed => "MISSED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_knows_its_direction() {
        assert_eq!(
            [1.9, 2.0, 3.5].map(|ratio| SPREAD.reached(ratio)),
            [Reached::Missed, Reached::AtLeast, Reached::Goal]
        );
        assert_eq!(
            [3.1, 3.0, 1.5].map(|ratio| REST.reached(ratio)),
            [Reached::Missed, Reached::AtLeast, Reached::Goal]
        );
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        assert_eq!(SPREAD.reached(f64::NAN), Reached::Missed);
    }
}
