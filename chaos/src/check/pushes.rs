//! Pushes: no client hears an older version after a newer one, and each has heard the end of every order of its user.
//! Absent: versions in between, which a client that was away need not hear.

use super::{Finding, Law};
use crate::history::{History, Push, Truth};
use std::collections::BTreeMap;

pub(super) fn check(history: &History, truth: &Truth) -> Vec<Finding> {
    let mut findings = backwards(history);
    let told = history.told();
    for (client, user) in history.watchers.iter().enumerate() {
        for order in truth.orders.iter().filter(|order| order.user == *user) {
            let heard = told.get(&(client, order.id.as_str()));
            if heard.is_none_or(|heard| **heard != order.state) {
                let heard = heard.map_or("nothing".to_owned(), ToString::to_string);
                let what = format!("{}, and client {client} was told {heard}", order.state);
                findings.push(Finding::new(Law::NotPushed, user, what).order(&order.id));
            }
        }
    }
    findings
}

fn backwards(history: &History) -> Vec<Finding> {
    let mut newest: BTreeMap<(usize, &str), &Push> = BTreeMap::new();
    let mut findings = Vec::new();
    for push in &history.pushes {
        let before = newest.insert((push.client, &push.order), push);
        if let Some(before) = before.filter(|before| before.state.version > push.state.version) {
            let user = history.watchers.get(push.client).map_or("", String::as_str);
            let what = format!("client {} was told {} after {}", push.client, push.state, before.state);
            findings.push(Finding::new(Law::PushedBack, user, what).order(&push.order));
        }
    }
    findings
}
