//! The time to recover: from the end of a fault, and of those that were in force then, to the moment when a client learns that an order
//! placed after the fault is final. Nobody recovers while the broker is still away.
//! Absent: faults of messages, which interrupt nothing; and faults that begin only later, whose cost cannot be told apart.

use crate::{
    history::{History, State, Time, Wish},
    inject::Struck,
    plan::Lane,
};
use std::{collections::BTreeMap, time::Duration};

/// For each fault, the time; none when no order that was placed after it was seen final.
pub fn recoveries(history: &History, struck: &[Struck]) -> Vec<(Struck, Option<Duration>)> {
    let ends = ends(history);
    let interrupting: Vec<_> = struck.iter().filter(|struck| struck.step.lane != Lane::Messages).collect();
    let time = |fault: &Struck| first_end(&ends, fault.ended, clear(fault, &interrupting));
    interrupting.iter().map(|fault| (**fault, time(fault))).collect()
}

/// When those that were in force at the fault's end were over.
fn clear(fault: &Struck, all: &[&Struck]) -> Time {
    let in_force = all.iter().filter(|other| other.begun <= fault.ended && fault.ended <= other.ended);
    in_force.map(|other| other.ended).max().unwrap_or(fault.ended)
}

/// When each order was placed, and when anybody first saw it final; by the first, with the earliest of the second from there on.
fn ends(history: &History) -> Vec<(Time, Time)> {
    let finals = first_seen_final(history);
    let mut ends: Vec<_> =
        placed(history).into_iter().filter_map(|(order, sent)| finals.get(order).map(|seen| (sent, *seen))).collect();
    ends.sort_unstable();
    let mut earliest = Time::MAX;
    for (_, seen) in ends.iter_mut().rev() {
        earliest = earliest.min(*seen);
        *seen = earliest;
    }
    ends
}

fn placed(history: &History) -> BTreeMap<&str, Time> {
    let mut placed: BTreeMap<&str, Time> = BTreeMap::new();
    for attempt in &history.attempts {
        let id = attempt.acknowledged().and_then(|answer| answer.id.as_deref());
        if let (Wish::Order { .. }, Some(id)) = (&attempt.wish, id) {
            let sent = placed.entry(id).or_insert(attempt.sent);
            *sent = attempt.sent.min(*sent);
        }
    }
    placed
}

fn first_seen_final(history: &History) -> BTreeMap<&str, Time> {
    let pushed = history.pushes.iter().map(|push| (push.order.as_str(), &push.state, push.at));
    let looked = history.attempts.iter().filter_map(|attempt| match &attempt.wish {
        Wish::Look { order } => {
            attempt.acknowledged().and_then(|answer| Some((order.as_str(), answer.state.as_ref()?, answer.at)))
        }
        _ => None,
    });
    let mut finals = BTreeMap::new();
    for (order, _, at) in pushed.chain(looked).filter(|(_, state, _): &(_, &State, _)| state.is_final()) {
        let seen = finals.entry(order).or_insert(at);
        *seen = at.min(*seen);
    }
    finals
}

fn first_end(ends: &[(Time, Time)], fault: Time, clear: Time) -> Option<Duration> {
    let (_, seen) = ends.get(ends.partition_point(|(sent, _)| *sent < fault))?;
    let begin = if *seen < clear { fault } else { clear };
    Some(Duration::from_micros(seen.saturating_sub(begin)))
}

/// The least of them that so many in a hundred do not exceed.
pub fn percentile(times: &[Duration], share: usize) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * share).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{Answer, Attempt, Push},
        plan::{Kind, Server, Step, Target},
    };

    fn fault(ended: Time, lane: Lane) -> Struck {
        let target = Target::Server(Server::Postgres);
        Struck { step: Step { at: 0, lasts: 0, kind: Kind::Cut, target, lane }, begun: 0, ended }
    }

    fn order(history: &mut History, id: &str, sent: Time, seen: Time) {
        let answer = Answer { at: sent + 1, status: 201, id: Some(id.to_owned()), ..Answer::default() };
        let wish = Wish::Order { key: id.to_owned(), amount: 1 };
        history.attempts.push(Attempt { user: String::new(), wish, sent, answer: Some(answer) });
        let state = State { outcome: "FINISHED".to_owned(), version: 2 };
        history.pushes.push(Push { client: 0, order: id.to_owned(), state, at: seen });
    }

    #[test]
    fn it_ends_with_the_first_order_that_was_placed_after_the_fault_and_is_seen_final() {
        let mut history = History::default();
        order(&mut history, "before", 90, 101);
        order(&mut history, "slow", 110, 900);
        order(&mut history, "quick", 120, 150);
        let times = recoveries(&history, &[fault(100, Lane::Network), fault(200, Lane::Servers)]);
        assert_eq!(times.iter().map(|(_, time)| *time).collect::<Vec<_>>(), [Some(Duration::from_micros(50)), None]);
        assert!(recoveries(&history, &[fault(100, Lane::Messages)]).is_empty());
    }

    #[test]
    fn a_fault_that_was_in_force_meanwhile_is_not_waited_for_at_the_cost_of_another() {
        let time = |other: Struck, seen| {
            let mut history = History::default();
            order(&mut history, "after", 110, seen);
            recoveries(&history, &[fault(100, Lane::Network), other])[0].1.map(|time| time.as_micros())
        };
        let away = |begun, ended| Struck { begun, ..fault(ended, Lane::Servers) };
        assert_eq!(time(away(50, 1_000), 1_030), Some(30), "it had to wait for the other to end");
        assert_eq!(time(away(50, 1_000), 400), Some(300), "it was well all the same");
        assert_eq!(time(away(101, 1_000), 1_030), Some(930), "the other began later");
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&times, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&times[..1], 99), Some(Duration::from_millis(200)));
        assert_eq!(percentile(&[], 50), None);
    }
}
