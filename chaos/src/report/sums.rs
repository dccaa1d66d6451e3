//! What became of wishes, counted: attempted, acknowledged, ok, lost, duplicated, recovered, unexpected.
//! Absent: the times.

use crate::{
    check::{Finding, Law},
    history::{Attempt, History, Wish},
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Of one kind of wish.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Wishes: keys that were used, or orders that were to be cancelled.
    pub attempted: u64,
    /// Requests that they took.
    pub requests: u64,
    /// Wishes that were granted (201, 200, 202).
    pub acknowledged: u64,
    /// Granted, and nothing is wrong with them.
    pub ok: u64,
    /// Granted, and not there.
    pub lost: u64,
    /// Made more than once.
    pub duplicated: u64,
    /// Granted after an attempt that got no answer, or 5xx.
    pub recovered: u64,
    /// Refused as the contract has it: too late to be cancelled.
    pub refused: u64,
    /// Never answered: they may be there or not.
    pub unknown: u64,
    /// Broken promises of any other kind.
    pub unexpected: u64,
}

/// Of orders, money, and cancels.
pub fn sums(history: &History, findings: &[Finding]) -> BTreeMap<&'static str, Sums> {
    let mut wishes: BTreeMap<(&str, &Wish), Vec<&Attempt>> = BTreeMap::new();
    for attempt in &history.attempts {
        wishes.entry((&attempt.user, &attempt.wish)).or_default().push(attempt);
    }
    let mut sums = BTreeMap::from(["cancels", "orders", "top-ups"].map(|name| (name, Sums::default())));
    let wrong: BTreeSet<_> = findings.iter().flat_map(|finding| [&finding.order, &finding.key]).flatten().collect();
    for ((_, wish), attempts) in wishes {
        let Some(of) = name(wish).and_then(|name| sums.get_mut(name)) else { continue };
        of.add(&attempts, &wrong);
    }
    for finding in distinct(findings) {
        let name = if finding.order.is_none() && is_money(history, finding) { "top-ups" } else { "orders" };
        if let Some(of) = sums.get_mut(name) {
            match finding.law {
                Law::Lost => of.lost += 1,
                Law::Duplicated => of.duplicated += 1,
                _ => of.unexpected += 1,
            }
        }
    }
    sums
}

/// The same key is found to be doubled in the answers and in the list; it is one all the same.
fn distinct(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    let mut seen = BTreeSet::new();
    findings.iter().filter(move |finding| {
        seen.insert((
            finding.law,
            &finding.user,
            finding.key.as_ref().or(finding.order.as_ref()).unwrap_or(&finding.what),
        ))
    })
}

fn name(wish: &Wish) -> Option<&'static str> {
    match wish {
        Wish::Order { .. } => Some("orders"),
        Wish::TopUp { .. } => Some("top-ups"),
        Wish::Cancel { .. } => Some("cancels"),
        Wish::Look { .. } => None,
    }
}

fn is_money(history: &History, finding: &Finding) -> bool {
    let is = |wish: &Wish| matches!(wish, Wish::TopUp { key, .. } if Some(key) == finding.key.as_ref());
    history.attempts.iter().any(|attempt| attempt.user == finding.user && is(&attempt.wish))
}

impl Sums {
    fn add(&mut self, attempts: &[&Attempt], wrong: &BTreeSet<&String>) {
        let count = |yes: bool| u64::from(yes);
        let granted = attempts.iter().find_map(|attempt| attempt.acknowledged());
        let is_wrong = match &attempts[0].wish {
            Wish::Order { key, .. } | Wish::TopUp { key, .. } => wrong.contains(key),
            Wish::Cancel { order } | Wish::Look { order } => wrong.contains(order),
        } || granted.and_then(|answer| answer.id.as_ref()).is_some_and(|id| wrong.contains(id));
        self.attempted += 1;
        self.requests += u64::try_from(attempts.len()).unwrap_or_default();
        self.acknowledged += count(granted.is_some());
        self.ok += count(granted.is_some() && !is_wrong);
        self.recovered += count(granted.is_some() && attempts[0].is_open());
        let open = attempts.iter().all(|attempt| attempt.is_open());
        self.unknown += count(open);
        self.refused += count(granted.is_none() && !open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{Excuses, check},
        history::{Answer, Truth},
    };

    #[test]
    fn a_wish_is_counted_once_however_often_it_was_sent() {
        let attempt = |key: &str, status: u16| {
            let answer = Answer { status, id: Some("o".to_owned() + key), ..Answer::default() };
            let wish = Wish::Order { key: key.to_owned(), amount: 1 };
            Attempt { user: "ann".to_owned(), wish, sent: 0, answer: Some(answer).filter(|_| status > 0) }
        };
        let attempts = vec![attempt("1", 0), attempt("1", 201), attempt("1", 201), attempt("2", 201), attempt("3", 0)];
        let history = History { attempts, ..History::default() };
        let found = check(&history, &Truth::default(), &Excuses::ALL);
        let orders = sums(&history, &found)["orders"].clone();
        let expected = Sums {
            attempted: 3,
            requests: 5,
            acknowledged: 2,
            ok: 0,
            lost: 2,
            duplicated: 0,
            recovered: 1,
            refused: 0,
            unknown: 1,
            unexpected: 0,
        };
        assert_eq!(orders, expected);
    }
}
