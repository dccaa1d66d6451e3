//! Admission by settlement: little more is under way than has ended in the last half second, so an order takes about that long, however
//! long the load lasts and however fast orders could be written down (decision 10).
//! Absent: a bound while nothing ends. Then payments or the broker is away, orders wait in the outbox and are welcome.

use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// As much may be under way as ends in this time: by Little's law that is how long an order takes then. Under half load it takes a tenth of
/// a second (`docs/performance.md`), and a buyer still takes half a one for soon.
const SPAN: Duration = Duration::from_millis(500);
/// Where nothing has ended for so long, there is no bound.
const FORGOTTEN: Duration = Duration::from_secs(1);
/// So many more may be under way, always: two batches that share the price of their way well (decision 16). And they decide how instances share
/// what can be settled: by the rest alone each would keep its part, and one that hears a little later would lose it bit by bit.
const MORE: usize = 64;

/// The orders of an instance that have ended lately.
#[derive(Debug, Default)]
pub struct Pace {
    /// When, and how many together, oldest first.
    ends: VecDeque<(Instant, usize)>,
    /// The sum of those.
    number: usize,
    last: Option<Instant>,
}

impl Pace {
    /// Takes note of orders that ended together.
    pub fn ended(&mut self, number: usize, at: Instant) {
        self.forget(at);
        self.ends.push_back((at, number));
        self.number += number;
        self.last = Some(at);
    }

    /// When one of them ended, last.
    pub fn last(&self) -> Option<Instant> {
        self.last
    }

    /// How many may be under way, and until when that holds if nothing ends before; `None` if there is no bound.
    pub fn bound(&mut self, at: Instant) -> Option<(usize, Instant)> {
        let until = self.last.map(|last| last + FORGOTTEN).filter(|until| at < *until)?;
        self.forget(at);
        Some((self.number + MORE, until))
    }

    /// How many have ended lately.
    #[cfg(test)]
    pub fn number(&self) -> usize {
        self.number
    }

    fn forget(&mut self, at: Instant) {
        while let Some((_, number)) = self.ends.pop_front_if(|(ended, _)| at.duration_since(*ended) >= SPAN) {
            self.number -= number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_in_the_last_half_second_may_be_under_way_and_some_more() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        let most = |pace: &mut Pace, at| pace.bound(at).map(|(most, _)| most);
        pace.ended(100, begun);
        pace.ended(70, begun + SPAN / 2);
        assert_eq!(most(&mut pace, begun + SPAN / 2), Some(170 + MORE));
        assert_eq!(most(&mut pace, begun + SPAN), Some(70 + MORE));
        pace.ended(20, begun + SPAN * 5 / 4);
        assert_eq!(most(&mut pace, begun + SPAN * 5 / 4), Some(90 + MORE));
    }

    #[test]
    fn where_nothing_ends_there_is_no_bound() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        assert_eq!(pace.bound(begun), None);
        pace.ended(1_000, begun);
        let almost = FORGOTTEN.saturating_sub(Duration::from_millis(1));
        assert!(pace.bound(begun + almost).is_some());
        assert_eq!(pace.bound(begun + FORGOTTEN), None);
        pace.ended(100, begun + FORGOTTEN * 2);
        assert_eq!(
            pace.bound(begun + FORGOTTEN * 2),
            Some((100 + MORE, begun + FORGOTTEN * 3)),
            "what was is forgotten"
        );
    }
}
