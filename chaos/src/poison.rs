//! Messages that nobody can handle, and the account of them: every one that was published has to be found dead-lettered, and nothing else.
//! Absent: publishing and finding (inject); this is told of both.

use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// In every poison, by which it is known again wherever it is found.
pub const MARK: &str = "chaos-poison";
/// Far more than any message may have.
const HUGE: usize = 1 << 20;
/// The queues with the routing key of a message that goes into each.
pub const ROUTES: [(&str, &str); 2] =
    [("payments.requests", "payment.requested"), ("orders.payment-results", "payment.succeeded")];

/// What makes it poison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "`body` shows what each one is")]
pub enum Sort {
    NotJson,
    NotAnEvent,
    WrongType,
    UnknownVersion,
    WrongData,
    Huge,
    Utf16,
    Latin1,
    Compressed,
}

impl Sort {
    /// Each of them.
    pub const ALL: [Self; 9] = [
        Self::NotJson,
        Self::NotAnEvent,
        Self::WrongType,
        Self::UnknownVersion,
        Self::WrongData,
        Self::Huge,
        Self::Utf16,
        Self::Latin1,
        Self::Compressed,
    ];

    /// The bytes of one for the queue of this routing key; no two are alike.
    pub fn body(self, number: u64, routing_key: &str) -> Vec<u8> {
        let mark = format!("{MARK}-{number}");
        let mut event = json!({
            "specversion": "1.0", "id": "01900000-0000-7000-8000-000000000000", "source": mark,
            "type": format!("gozon.{routing_key}.v1"), "data": {"order_id": 0},
        });
        match self {
            Self::NotJson => return format!("{mark}: not json").into_bytes(),
            Self::NotAnEvent => event["specversion"] = json!("0.3"),
            Self::WrongType => event["type"] = json!("gozon.order.refunded.v1"),
            Self::UnknownVersion => event["type"] = json!(format!("gozon.{routing_key}.v2")),
            Self::WrongData => {}
            Self::Huge => event["source"] = Value::from(mark + &"x".repeat(HUGE)),
            Self::Utf16 => return event.to_string().encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self::Latin1 => return [&[b'"', 0xe9], mark.as_bytes(), b"\""].concat(),
            Self::Compressed => return [&[0x1f, 0x8b, 8, 0][..], mark.as_bytes()].concat(),
        }
        event.to_string().into_bytes()
    }
}

/// A poison that was published, or may have been.
#[derive(Clone, Debug)]
struct Injected {
    queue: &'static str,
    sort: Sort,
    /// Whether the broker has confirmed it.
    confirmed: bool,
    /// The broker came back empty after it: whatever was not found until then is gone with its data.
    excused: bool,
    /// How often it was found.
    found: u64,
}

/// The account.
#[derive(Clone, Debug, Default)]
pub struct Letters {
    injected: BTreeMap<Vec<u8>, Injected>,
    unexplained: Vec<String>,
    number: u64,
}

/// The sums of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Published and confirmed.
    pub injected: u64,
    /// Published without an answer: they may be there or not.
    pub unconfirmed: u64,
    /// Of all these, found dead-lettered.
    pub found: u64,
    /// Found more than once: somebody died between the letter and the acknowledgement.
    pub again: u64,
    /// Confirmed by a broker that then lost all its data.
    pub lost_with_broker: u64,
    /// Sorts that were found.
    pub sorts: BTreeSet<Sort>,
    /// Confirmed, and nowhere.
    pub missing: Vec<String>,
    /// Dead letters that are none of ours.
    pub unexplained: Vec<String>,
}

impl Letters {
    /// A number for the next one.
    pub fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// It is about to be published.
    pub fn publishing(&mut self, queue: &'static str, sort: Sort, body: &[u8]) {
        let injected = Injected { queue, sort, confirmed: false, excused: false, found: 0 };
        self.injected.insert(body.to_owned(), injected);
    }

    /// The broker has it.
    pub fn confirmed(&mut self, body: &[u8]) {
        if let Some(injected) = self.injected.get_mut(body) {
            injected.confirmed = true;
        }
    }

    /// It lay among the dead letters of a queue.
    pub fn found(&mut self, queue: &str, body: &[u8]) {
        match self.injected.get_mut(body).filter(|injected| injected.queue == queue) {
            Some(injected) => injected.found += 1,
            None => {
                let start: String = String::from_utf8_lossy(body).chars().take(300).collect();
                self.unexplained.push(format!("{queue}: {start}"));
            }
        }
    }

    /// The broker's data is gone.
    pub fn broker_emptied(&mut self) {
        self.injected.values_mut().for_each(|injected| injected.excused = true);
    }

    /// Whether everything was found that has to be.
    pub fn complete(&self) -> bool {
        self.injected.values().all(|injected| !injected.is_missing())
    }

    /// What it comes to.
    pub fn sums(&self) -> Sums {
        let count = |of: &dyn Fn(&Injected) -> bool| {
            u64::try_from(self.injected.values().filter(|injected| of(injected)).count()).unwrap_or(u64::MAX)
        };
        let found = |injected: &&Injected| injected.found > 0;
        let missing = self.injected.values().filter(|injected| injected.is_missing());
        Sums {
            injected: count(&|injected| injected.confirmed),
            unconfirmed: count(&|injected| !injected.confirmed),
            found: count(&|injected| injected.found > 0),
            again: count(&|injected| injected.found > 1),
            lost_with_broker: count(&|injected| injected.confirmed && injected.excused && injected.found == 0),
            sorts: self.injected.values().filter(found).map(|injected| injected.sort).collect(),
            missing: missing.map(|injected| format!("{}: {:?}", injected.queue, injected.sort)).collect(),
            unexplained: self.unexplained.clone(),
        }
    }
}

impl Injected {
    fn is_missing(&self) -> bool {
        self.confirmed && !self.excused && self.found == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = ROUTES[0].0;

    fn injected(number: u64) -> (Letters, Vec<u8>) {
        let mut letters = Letters::default();
        let body = Sort::NotJson.body(number, ROUTES[0].1);
        letters.publishing(QUEUE, Sort::NotJson, &body);
        letters.confirmed(&body);
        (letters, body)
    }

    #[test]
    fn a_poison_that_was_confirmed_has_to_be_found_in_its_queue() {
        let (mut letters, body) = injected(1);
        assert!(!letters.complete());
        assert_eq!(letters.sums().missing.len(), 1);
        letters.found("orders.payment-results", &body);
        assert_eq!((letters.complete(), letters.sums().unexplained.len()), (false, 1));
        letters.found(QUEUE, &body);
        letters.found(QUEUE, &body);
        assert!(letters.complete());
        assert_eq!((letters.sums().found, letters.sums().again), (1, 1));
    }

    #[test]
    fn a_dead_letter_that_is_none_of_ours_is_unexplained() {
        let (mut letters, body) = injected(1);
        letters.found(QUEUE, &body);
        letters.found(QUEUE, b"{\"type\": \"gozon.payment.requested.v1\"}");
        assert_eq!(letters.sums().unexplained.len(), 1);
    }

    #[test]
    fn a_broker_that_lost_its_data_excuses_what_came_before_and_nothing_after() {
        let (mut letters, _) = injected(1);
        letters.broker_emptied();
        assert!(letters.complete());
        assert_eq!(letters.sums().lost_with_broker, 1);
        let after = Sort::Huge.body(2, ROUTES[0].1);
        letters.publishing(QUEUE, Sort::Huge, &after);
        assert!(letters.complete(), "not confirmed");
        letters.confirmed(&after);
        assert!(!letters.complete());
    }

    #[test]
    fn no_two_poisons_are_alike() {
        let bodies: BTreeSet<_> = Sort::ALL
            .iter()
            .flat_map(|sort| ROUTES.map(|(_, key)| sort.body(7, key)))
            .chain(Sort::ALL.iter().map(|sort| sort.body(8, ROUTES[0].1)))
            .collect();
        // Those that are no events are the same for both routes; each gets a number of its own.
        assert!(bodies.len() >= 20, "{}", bodies.len());
    }
}
