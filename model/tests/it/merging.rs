//! The merged states are no fewer than the states as they are, merged afterwards.

use model::{Shop, State};
use saga::order::CancelCause::ByUser;
use stateright::Model;
use std::collections::HashSet;

/// Every state that can be reached.
fn reached<const N: usize>(shop: &Shop<N>) -> HashSet<State<N>> {
    let mut all: HashSet<_> = shop.init_states().into_iter().collect();
    let mut open: Vec<_> = all.iter().cloned().collect();
    while let Some(state) = open.pop() {
        for next in shop.next_states(&state) {
            if all.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    all
}

/// What the states as they are come to when merged, none of which the merged shop may lack.
fn merged_as_they_are(in_detail: &Shop<1>) {
    let merged = Shop { faults: None, nameless: true, ..in_detail.clone() };
    let known = reached(&merged);
    for state in reached(in_detail) {
        let stands_for_it = merged.merge(State { faults: 0, ..state.clone() });
        assert!(known.contains(&stands_for_it), "{state:?} is merged into one that is never reached");
    }
}

#[test]
fn no_state_of_a_shop_without_faults_is_missed() {
    merged_as_they_are(&Shop { wishes: &[(0, ByUser)], faults: Some(0), ..Shop::whole() });
}

#[test]
fn no_state_of_a_shop_with_two_faults_is_missed() {
    merged_as_they_are(&Shop { balances: &[1], top_up: false, faults: Some(2), nameless: false, ..Shop::whole() });
}
