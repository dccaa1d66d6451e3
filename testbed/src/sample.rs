//! What is exhaustive runs as a whole in `cargo xtask prove` and as a sample in `cargo xtask test`: here is which part.
//! Absent: what a test does with its part.

use crate::servers::given;

/// Set, and not empty: everything runs.
pub const EXHAUSTIVE_VARIABLE: &str = "TEST_EXHAUSTIVE";
/// The number by which samples are drawn; 0 where it is not set. `cargo xtask` sets it to the commit's.
pub const SEED_VARIABLE: &str = "TEST_SEED";

/// Whether everything runs.
#[must_use]
pub fn is_exhaustive() -> bool {
    given(EXHAUSTIVE_VARIABLE).is_some()
}

/// The seed of this run's samples.
///
/// # Panics
/// When the variable is set to something that is no number.
#[must_use]
pub fn seed() -> u64 {
    given(SEED_VARIABLE)
        .map_or(0, |seed| seed.parse().unwrap_or_else(|_| panic!("{SEED_VARIABLE} is no number: {seed}")))
}

/// Whether the case with this number runs: of a sample every `of`-th, and which of them the seed says, so that `of` seeds in a row
/// have had each case once.
///
/// # Panics
/// When `of` is 0, or the seed is no number.
#[must_use]
pub fn is_in_sample(number: usize, of: u64) -> bool {
    is_exhaustive() || (number as u64).wrapping_add(seed()).is_multiple_of(of)
}
