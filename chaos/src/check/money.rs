//! Money that was put in: what was acknowledged is in the ledger, each key once at most, and nothing else is.
//! Absent: money that was taken (the audit proves it against the orders). A user's amounts are all different, so an entry tells its key.

use super::{Finding, Law};
use crate::history::{Attempt, History, TopUp, Truth, Wish};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(history: &History, truth: &Truth) -> Vec<Finding> {
    let asked = by_amount(history);
    let mut entries: BTreeMap<(&str, i64), Vec<&TopUp>> = BTreeMap::new();
    for entry in &truth.top_ups {
        entries.entry((&entry.user, entry.amount)).or_default().push(entry);
    }
    let mut findings: Vec<_> =
        asked.iter().flat_map(|(of, attempts)| promised(of.0, attempts, entries.get(of))).collect();
    for ((user, amount), of) in entries.iter().filter(|(of, _)| !asked.contains_key(*of)) {
        findings.push(Finding::new(Law::Unasked, user, format!("{} entries of {amount}", of.len())));
    }
    findings
}

fn by_amount(history: &History) -> BTreeMap<(&str, i64), Vec<&Attempt>> {
    let mut asked: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for attempt in &history.attempts {
        if let Wish::TopUp { amount, .. } = attempt.wish {
            asked.entry((attempt.user.as_str(), amount)).or_default().push(attempt);
        }
    }
    asked
}

fn promised(user: &str, attempts: &[&Attempt], entries: Option<&Vec<&TopUp>>) -> Vec<Finding> {
    let key = match &attempts[0].wish {
        Wish::TopUp { key, .. } => key.as_str(),
        _ => "",
    };
    let there: BTreeSet<_> = entries.into_iter().flatten().map(|entry| entry.id.as_str()).collect();
    let promised: BTreeSet<_> = attempts.iter().filter_map(|attempt| attempt.acknowledged()?.id.as_deref()).collect();
    let finding = |law, what: String| Finding::new(law, user, what).key(key);
    let mut findings = Vec::new();
    if there.len() > 1 || promised.len() > 1 {
        findings.push(finding(Law::Duplicated, format!("one key: answered with {promised:?}, entries {there:?}")));
    }
    let lost: Vec<_> = promised.difference(&there).collect();
    if !lost.is_empty() {
        findings.push(finding(Law::Lost, format!("acknowledged, and not in the ledger: {lost:?}")));
    }
    if promised.is_empty() && !there.is_empty() && !attempts.iter().any(|attempt| attempt.is_open()) {
        findings.push(finding(Law::Unasked, format!("refused, and in the ledger: {there:?}")));
    }
    findings
}
