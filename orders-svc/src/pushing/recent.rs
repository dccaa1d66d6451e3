//! What was announced lately, to be announced again after the way to the broker was broken: no announcement is confirmed, and the
//! answer that led to it may be acknowledged over another connection. Absent: durability; who was away resumes from the database.

use saga::messages::StatusChange;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use store::Micros;

/// Changes that are kept, some 15 MB: what an instance may announce at 2,000 a second before it is noticed that nothing goes that way any more.
const MOST_KEPT: usize = 60_000;

/// The latest changes, oldest first, with the time of their announcement. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Recent(Arc<Mutex<VecDeque<(Micros, StatusChange)>>>);

impl Recent {
    /// Keeps changes that are announced now, in the place of the oldest.
    pub fn keep(&self, changes: &[StatusChange], now: Micros) {
        let mut kept = self.lock();
        kept.extend(changes.iter().map(|change| (now, change.clone())));
        let too_many = kept.len().saturating_sub(MOST_KEPT);
        kept.drain(..too_many);
    }

    /// What was announced since then, and is announced again now.
    pub fn again(&self, since: Micros, now: Micros) -> Vec<StatusChange> {
        let mut kept = self.lock();
        let again = kept.iter_mut().filter(|(at, _)| *at >= since);
        again.map(|(at, change)| (*at = now, change.clone()).1).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Micros, StatusChange)>> {
        // Whatever panicked, what is in the queue was announced.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saga::{Amount, OrderId, UserId};
    use uuid::Uuid;

    fn change(number: u128) -> StatusChange {
        StatusChange {
            order_id: OrderId::new(Uuid::from_u128(number)),
            user_id: UserId::parse("ann").unwrap(),
            status: "FINISHED".to_owned(),
            reason: None,
            amount_minor: Amount::from_minor(1).unwrap(),
            currency: "RUB".parse().unwrap(),
            version: 2,
            updated_at: Micros(0).to_string(),
            traceparent: None,
        }
    }

    #[test]
    fn what_was_announced_since_a_time_is_told_again_in_its_order() {
        let recent = Recent::default();
        for second in 0..5 {
            recent.keep(&[change(second)], Micros(i64::try_from(second).unwrap()));
        }
        assert_eq!(recent.again(Micros(3), Micros(9)), [change(3), change(4)]);
        assert_eq!(recent.again(Micros(5), Micros(9)), [change(3), change(4)], "it was announced again since then");
        assert_eq!(recent.again(Micros(10), Micros(10)), []);
    }

    #[test]
    fn of_too_many_the_latest_are_kept() {
        let recent = Recent::default();
        for batch in 0..130 {
            recent.keep(&vec![change(batch); 500], Micros(i64::try_from(batch).unwrap()));
        }
        let kept = recent.again(Micros(0), Micros(100));
        assert_eq!((kept.len(), &kept[0]), (MOST_KEPT, &change(10)));
    }
}
