//! The whole protocol: its laws hold in every state that it can reach, and what they speak of does happen.
//! How many states that were goes to the output, past the test's capture.

use model::{EXAMPLES, LAWS, Shop};
use saga::order::CancelCause::{ByUser, Deadline};
use stateright::{Checker, Model};
use std::io::{Write, stdout};

/// Looks at every state, and returns which examples were among them.
fn check<const N: usize>(what: &str, shop: Shop<N>) -> Vec<&'static str> {
    let checked = shop.checker().threads(2).spawn_bfs().join();
    let (states, steps, depth) = (checked.unique_state_count(), checked.state_count(), checked.max_depth());
    writeln!(stdout(), "{what}: {states} states, {steps} steps, {depth} deep").expect("there is an output");
    for law in LAWS {
        let broken = checked.discovery(law).map(stateright::Path::into_actions);
        assert!(broken.is_none(), "{law}: {broken:?}");
    }
    assert!(checked.is_done() && states > 10_000, "{states} states are not all");
    EXAMPLES.into_iter().filter(|example| checked.discovery(example).is_some()).collect()
}

#[test]
fn an_order_comes_through_any_number_of_faults() {
    let shop = Shop::<1> { wishes: &[(0, ByUser), (0, Deadline)], ..Shop::whole() };
    assert_eq!(check("one order, any number of faults", shop), EXAMPLES);
}

#[test]
fn an_order_comes_through_a_fault_seen_in_every_detail() {
    let shop = Shop::<1> { balances: &[1], top_up: false, wishes: &[(0, ByUser)], faults: Some(1), ..Shop::whole() };
    check("one order, one fault, in detail", shop);
}

#[test]
fn without_faults_all_that_the_laws_speak_of_happens() {
    let shop = Shop::<1> { wishes: &[(0, ByUser), (0, Deadline)], faults: Some(0), ..Shop::whole() };
    assert_eq!(check("one order, no fault, in detail", shop), EXAMPLES);
}

#[test]
fn two_orders_share_an_account_through_any_number_of_faults() {
    check("two orders of one account, any number of faults", Shop::<2>::whole());
}

#[test]
fn two_orders_one_to_be_cancelled_share_the_money_for_one() {
    let shop = Shop::<2> { balances: &[1], top_up: false, wishes: &[(0, ByUser)], ..Shop::whole() };
    check("two orders, money for one, the first may be cancelled, any number of faults", shop);
}
