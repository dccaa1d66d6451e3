//! Each rule that the books rest on, removed: the checker finds what breaks. A model that could not find these would prove nothing.

use model::{LAWS, Rule, Shop};
use saga::order::CancelCause::ByUser;
use stateright::{Checker, HasDiscoveries, Model};
use std::io::{Write, stdout};

/// One order that may be cancelled, with the money for it there, and so many faults.
fn shop(faults: u8, without: &'static [Rule]) -> Shop<1> {
    Shop { balances: &[1], wishes: &[(0, ByUser)], faults: Some(faults), without, nameless: false, ..Shop::whole() }
}

/// Finds a way to break this law, and prints it.
fn breaks(law: &'static str, shop: Shop<1>) {
    let without = shop.without;
    let checked = shop.checker().finish_when(HasDiscoveries::AnyOf([law].into())).spawn_bfs().join();
    let states = checked.unique_state_count();
    let trace = checked.discovery(law).map(stateright::Path::into_actions);
    let trace = trace.unwrap_or_else(|| panic!("{law}: holds in {states} states without {without:?}"));
    writeln!(stdout(), "without {without:?}, {law:?} is broken after {states} states:").expect("there is an output");
    trace.iter().for_each(|action| writeln!(stdout(), "    {action:?}").expect("there is an output"));
}

const SETTLED: &str = LAWS[7];

#[test]
fn without_the_fence_a_late_request_takes_the_money_of_a_cancelled_order() {
    breaks("a cancelled order keeps no money", Shop { top_up: false, ..shop(0, &[Rule::Fence]) });
}

#[test]
fn without_the_inbox_key_an_order_is_paid_twice() {
    let shop = Shop { balances: &[2], top_up: false, wishes: &[], ..shop(1, &[Rule::InboxKey]) };
    breaks("an order takes its price once or not at all", shop);
}

#[test]
fn without_the_outbox_in_the_transaction_an_order_stays_open() {
    breaks(SETTLED, Shop { top_up: false, ..shop(1, &[Rule::OutboxInTransaction]) });
}

#[test]
fn without_the_version_of_the_order_a_final_order_changes() {
    breaks("a final order never changes", Shop { top_up: false, ..shop(0, &[Rule::OrderVersion]) });
}

#[test]
fn without_the_version_of_the_account_an_entry_is_lost_from_the_balance() {
    breaks("the balance is what the entries say, and never negative", shop(0, &[Rule::AccountVersion]));
}

#[test]
fn without_its_own_check_and_the_version_of_the_account_a_refund_is_made_twice() {
    let without = &[Rule::RefundOnce, Rule::AccountVersion];
    breaks("an order takes its price once or not at all", Shop { top_up: false, ..shop(1, without) });
}

#[test]
fn without_its_own_check_alone_a_refund_is_still_made_once() {
    let shop = Shop { faults: None, nameless: true, ..shop(0, &[Rule::RefundOnce]) };
    let checked = shop.checker().spawn_bfs().join();
    assert!(LAWS.into_iter().all(|law| checked.discovery(law).is_none()), "the account's version does not cover it");
}
