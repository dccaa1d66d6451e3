//! How orders stood, by every answer and push, in order of time: versions only grow, what is final stays, a cancel is a fence.
//! Absent: answers to a repeated `POST /orders`, which tell how the order was placed and not how it stands.

use super::{Finding, Law};
use crate::history::{History, State, Time, Truth, Wish};
use std::collections::BTreeMap;

/// A state that was seen: it held at some moment between the two times.
#[derive(Clone, Copy, Debug)]
struct Sight<'a> {
    asked: Time,
    seen: Time,
    state: &'a State,
}

pub(super) fn check(history: &History, truth: &Truth) -> Vec<Finding> {
    let mut sights = sights(history);
    let mut findings = Vec::new();
    for order in &truth.orders {
        // The list was read last of all.
        let last = Sight { asked: Time::MAX, seen: Time::MAX, state: &order.state };
        let mut of_order = sights.remove(order.id.as_str()).unwrap_or_default();
        of_order.push(last);
        if let Some(what) = goes_back(&mut of_order) {
            findings.push(Finding::new(Law::WentBack, &order.user, what).order(&order.id));
        }
    }
    findings.extend(not_cancelled(history, truth));
    findings
}

fn sights(history: &History) -> BTreeMap<&str, Vec<Sight<'_>>> {
    let mut sights: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for attempt in &history.attempts {
        let (Wish::Look { order } | Wish::Cancel { order }) = &attempt.wish else { continue };
        let Some(answer) = attempt.acknowledged() else { continue };
        if let Some(state) = &answer.state {
            sights.entry(order.as_str()).or_default().push(Sight { asked: attempt.sent, seen: answer.at, state });
        }
    }
    for push in &history.pushes {
        // It may have been long on its way: nothing is known about when it began to hold.
        let sight = Sight { asked: 0, seen: push.at, state: &push.state };
        sights.entry(push.order.as_str()).or_default().push(sight);
    }
    sights
}

/// The first contradiction, if there is one.
fn goes_back(sights: &mut [Sight<'_>]) -> Option<String> {
    sights.sort_by_key(|sight| sight.seen);
    let mut outcomes: BTreeMap<i64, &State> = BTreeMap::new();
    for sight in &*sights {
        let same = outcomes.entry(sight.state.version).or_insert(sight.state);
        if *same != sight.state {
            return Some(format!("seen as {same} and as {}", sight.state));
        }
    }
    let end = outcomes.values().find(|state| state.is_final());
    if let (Some(end), Some((_, newer))) = (end, outcomes.last_key_value())
        && newer.version > end.version
    {
        return Some(format!("final as {end}, and later {newer}"));
    }
    // Whatever was seen before a question was asked cannot be newer than the answer.
    let mut by_question: Vec<_> = sights.iter().collect();
    by_question.sort_by_key(|sight| sight.asked);
    let (mut seen, mut newest): (_, Option<&State>) = (sights.iter().peekable(), None);
    for sight in by_question {
        while let Some(earlier) = seen.next_if(|earlier| earlier.seen < sight.asked) {
            newest = newest.max_by_version(earlier.state);
        }
        if let Some(newest) = newest.filter(|newest| newest.version > sight.state.version) {
            return Some(format!("seen as {newest}, and later as {}", sight.state));
        }
    }
    None
}

/// The newer of two states.
trait Newer<'a> {
    fn max_by_version(self, other: &'a State) -> Option<&'a State>;
}

impl<'a> Newer<'a> for Option<&'a State> {
    fn max_by_version(self, other: &'a State) -> Option<&'a State> {
        Some(self.filter(|state| state.version >= other.version).unwrap_or(other))
    }
}

/// An order whose cancel was taken (202) is never FINISHED.
fn not_cancelled(history: &History, truth: &Truth) -> Vec<Finding> {
    let taken: BTreeMap<_, _> = history
        .attempts
        .iter()
        .filter_map(|attempt| match &attempt.wish {
            Wish::Cancel { order } => attempt.acknowledged().map(|answer| (order.as_str(), answer.at)),
            _ => None,
        })
        .collect();
    let finished = truth.orders.iter().filter(|order| order.state.outcome == "FINISHED");
    finished
        .filter(|order| taken.contains_key(order.id.as_str()))
        .map(|order| Finding::new(Law::NotCancelled, &order.user, "its cancel was answered with 202").order(&order.id))
        .collect()
}
