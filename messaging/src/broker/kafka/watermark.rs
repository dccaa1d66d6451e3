//! How far one partition may be committed: up to the first message that is not settled. Pure.
//! Absent: the messages, and which assignment of the partition they belong to (`window`).

use std::collections::BTreeSet;

/// What is known of one partition since it was assigned. It holds what is not settled, so the window bounds it, however long one
/// message stays open. Offsets may have gaps: a log that was compacted, or the end of a transaction.
#[derive(Debug, Default)]
pub(super) struct Watermark {
    /// Fetched and not settled.
    open: BTreeSet<i64>,
    /// The one behind the highest that was fetched.
    next: Option<i64>,
}

impl Watermark {
    /// Whether the log once was further than this: it has been made anew, or cut.
    pub fn is_past(&self, offset: i64) -> bool {
        self.next.is_some_and(|next| offset < next)
    }

    /// A message was fetched; offsets only grow.
    pub fn fetched(&mut self, offset: i64) {
        self.open.insert(offset);
        self.next = Some(offset + 1);
    }

    /// It needs to be delivered no more.
    pub fn settled(&mut self, offset: i64) {
        self.open.remove(&offset);
    }

    /// Where a new owner has to begin; nothing is known before the first message.
    pub fn position(&self) -> Option<i64> {
        self.open.first().copied().or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// What happens to a partition.
    #[derive(Clone, Debug)]
    enum Happens {
        /// The next message is fetched, so many offsets further on.
        Fetched(i64),
        /// One of those that are open is settled.
        Settled(prop::sample::Index),
        /// One that is settled already, or was never fetched, is settled.
        SettledAgain(i64),
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            3 => (1_i64..4).prop_map(Happens::Fetched),
            3 => any::<prop::sample::Index>().prop_map(Happens::Settled),
            1 => (0_i64..300).prop_map(Happens::SettledAgain),
        ]
    }

    /// All offsets that were fetched, and whether they are settled.
    #[derive(Default)]
    struct Model(BTreeMap<i64, bool>);

    impl Model {
        fn happens(&mut self, what: &Happens, mark: &mut Watermark) {
            match what {
                Happens::Fetched(step) => {
                    let offset = self.0.last_key_value().map_or(*step, |(last, _)| last + step);
                    assert!(!mark.is_past(offset));
                    mark.fetched(offset);
                    self.0.insert(offset, false);
                }
                Happens::Settled(which) => {
                    let open: Vec<_> = self.0.iter().filter(|(_, settled)| !**settled).map(|(at, _)| *at).collect();
                    if !open.is_empty() {
                        let offset = *which.get(&open);
                        mark.settled(offset);
                        self.0.insert(offset, true);
                    }
                }
                Happens::SettledAgain(offset) => {
                    if self.0.get(offset) != Some(&false) {
                        mark.settled(*offset);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn all_before_the_position_is_settled_and_what_it_names_is_not(story in prop::collection::vec(happens(), 0..200)) {
            let (mut model, mut mark, mut before) = (Model::default(), Watermark::default(), None);
            for what in &story {
                model.happens(what, &mut mark);
                let position = mark.position();
                prop_assert_eq!(position.is_none(), model.0.is_empty());
                prop_assert!(position >= before, "it went back");
                before = position;
                let Some(position) = position else { continue };
                prop_assert!(model.0.range(..position).all(|(_, settled)| *settled), "it passed one that is open");
                match model.0.range(position..).next() {
                    Some((first, settled)) => prop_assert!(*first == position && !settled, "it could be further"),
                    None => prop_assert_eq!(model.0.last_key_value().map(|(last, _)| last + 1), Some(position)),
                }
            }
        }
    }

    #[test]
    fn behind_one_that_stays_open_nothing_piles_up() {
        let mut mark = Watermark::default();
        mark.fetched(7);
        for offset in 8..10_000 {
            mark.fetched(offset);
            mark.settled(offset);
        }
        assert_eq!((mark.position(), mark.open.len()), (Some(7), 1));
        mark.settled(7);
        assert_eq!(mark.position(), Some(10_000));
        assert!(mark.is_past(9_999) && !mark.is_past(10_000));
    }
}
