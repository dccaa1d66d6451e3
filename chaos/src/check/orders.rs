//! Orders: each that was acknowledged is there once, is final, and each that is there was asked for.
//! Absent: what became of an order meanwhile (states).

use super::{Finding, Law};
use crate::history::{Attempt, History, Order, Truth, Wish};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(history: &History, truth: &Truth) -> Vec<Finding> {
    let attempts = by_key(history);
    let there: BTreeMap<_, _> = truth.orders.iter().map(|order| (order.id.as_str(), order)).collect();
    let mut findings: Vec<_> = attempts.iter().flat_map(|(wish, attempts)| promised(*wish, attempts, &there)).collect();
    findings.extend(made_twice(truth));
    findings.extend(truth.orders.iter().filter_map(|order| unasked(order, &attempts)));
    findings.extend(
        truth
            .orders
            .iter()
            .filter(|order| !order.state.is_final())
            .map(|order| Finding::new(Law::Open, &order.user, format!("still {}", order.state)).order(&order.id)),
    );
    findings
}

/// User and key.
type Key<'a> = (&'a str, &'a str);

fn by_key(history: &History) -> BTreeMap<Key<'_>, Vec<&Attempt>> {
    let mut attempts: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for attempt in &history.attempts {
        if let Wish::Order { key, .. } = &attempt.wish {
            attempts.entry((attempt.user.as_str(), key.as_str())).or_default().push(attempt);
        }
    }
    attempts
}

fn promised((user, key): Key<'_>, attempts: &[&Attempt], there: &BTreeMap<&str, &Order>) -> Vec<Finding> {
    let ids: BTreeSet<_> = attempts.iter().filter_map(|attempt| attempt.acknowledged()?.id.as_deref()).collect();
    let mut findings = Vec::new();
    if ids.len() > 1 {
        findings.push(Finding::new(Law::Duplicated, user, format!("one key was answered with {ids:?}")).key(key));
    }
    for id in ids {
        let finding = |law, what: String| Finding::new(law, user, what).order(id).key(key);
        match there.get(id) {
            None => findings.push(finding(Law::Lost, "acknowledged, and not in the user's list".to_owned())),
            Some(order) if order.user != user => {
                findings.push(finding(Law::Lost, format!("it is in the list of {}", order.user)));
            }
            Some(order) if Some(order.amount) != amount(attempts[0]) => {
                findings.push(finding(Law::Lost, format!("it is there with the amount {}", order.amount)));
            }
            Some(_) => {}
        }
    }
    findings
}

fn amount(attempt: &Attempt) -> Option<i64> {
    match attempt.wish {
        Wish::Order { amount, .. } => Some(amount),
        _ => None,
    }
}

/// The list shows an order once, and a key has one order.
fn made_twice(truth: &Truth) -> Vec<Finding> {
    let (mut ids, mut keys, mut findings) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
    for order in &truth.orders {
        if !ids.insert(order.id.as_str()) {
            findings.push(Finding::new(Law::Duplicated, &order.user, "listed twice").order(&order.id));
            continue;
        }
        let Some(key) = order.key.as_deref() else { continue };
        if let Some(first) = keys.insert((order.user.as_str(), key), order.id.as_str()) {
            let what = format!("one key has made {first} and this order");
            findings.push(Finding::new(Law::Duplicated, &order.user, what).order(&order.id).key(key));
        }
    }
    findings
}

fn unasked(order: &Order, attempts: &BTreeMap<Key<'_>, Vec<&Attempt>>) -> Option<Finding> {
    let finding = |what: &str| Some(Finding::new(Law::Unasked, &order.user, what).order(&order.id));
    match order.key.as_deref() {
        None => finding("an order without the key that all of ours have"),
        Some(key) if !attempts.contains_key(&(order.user.as_str(), key)) => finding("nobody has used its key"),
        Some(_) => None,
    }
}
