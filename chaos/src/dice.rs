//! Chance from a seed (SplitMix64): the same numbers for ever, whatever becomes of the crates that make random ones.
//! Absent: any quality that cryptography would want.

use std::ops::Range;

/// The golden ratio's fraction, by which SplitMix64 walks.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence of its own for each part of the run, so that what one part draws changes nothing for the others.
    #[must_use]
    pub fn of_part(seed: u64, part: &str) -> Self {
        let folded = part.bytes().fold(seed, |sum, byte| Self(sum ^ u64::from(byte)).next());
        Self(folded)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STRIDE);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range; its beginning, if the range is empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        let width = range.end.saturating_sub(range.start).max(1);
        range.start + self.next() % width
    }

    /// A place in something of this length.
    pub fn index(&mut self, length: usize) -> usize {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        usize::try_from(self.within(0..length)).unwrap_or_default()
    }

    /// Whether something happens that happens so many times in a hundred.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.within(0..100) < chance
    }

    /// One of them.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }

    /// Puts them into another order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.index(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut dice = Dice::new(1);
        assert_eq!([dice.next(), dice.next()], [10_451_216_379_200_822_465, 13_757_245_211_066_428_519]);
    }

    #[test]
    fn parts_of_a_run_draw_apart_and_a_shuffle_loses_nothing() {
        assert_ne!(Dice::of_part(7, "network").next(), Dice::of_part(7, "servers").next());
        let mut all: Vec<u32> = (0..50).collect();
        Dice::new(3).shuffle(&mut all);
        assert_ne!(all, (0..50).collect::<Vec<_>>());
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
    }
}
