//! Commands in order against what is known, and laws over any commands in any order.
//! Absent: databases; the services' tests have those.

use super::*;
use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

fn amount(minor: i64) -> Amount {
    Amount::from_minor(minor).expect("a valid amount")
}

fn top_up(minor: i64, id: u128, key: Option<&str>) -> Command {
    let transaction_id = TransactionId::new(Uuid::from_u128(id));
    Command::TopUp { amount: amount(minor), transaction_id, key: key.map(str::to_owned) }
}

fn charge(order: u128, minor: i64) -> Command {
    let transaction_id = TransactionId::new(Uuid::from_u128(1000 + order));
    Command::Charge { order_id: OrderId::new(Uuid::from_u128(order)), amount: amount(minor), transaction_id }
}

fn cancel(order: u128, minor: i64) -> Command {
    let transaction_id = TransactionId::new(Uuid::from_u128(2000 + order));
    let (order_id, cause) = (OrderId::new(Uuid::from_u128(order)), CancelCause::ByUser);
    Command::Cancel { order_id, amount: amount(minor), cause, transaction_id }
}

fn user() -> UserId {
    UserId::parse("u").expect("valid")
}

fn fold(known: Known, commands: &[Command]) -> (Change, Vec<Outcome>) {
    super::fold(&user(), known, commands)
}

fn recorded(order: u128, minor: i64, verdict: Verdict) -> HashMap<OrderId, Payment> {
    let order_id = OrderId::new(Uuid::from_u128(order));
    HashMap::from([(order_id, Payment { order_id, user_id: user(), amount: amount(minor), verdict })])
}

const FENCED: Outcome = Outcome::Decided(Verdict::Fenced(CancelCause::ByUser));

fn refunded(order: u128) -> Outcome {
    let [debit, refund] = [1000, 2000].map(|base| TransactionId::new(Uuid::from_u128(base + order)));
    Outcome::Decided(Verdict::Refunded { cause: CancelCause::ByUser, debit, refund })
}

fn with_balance(minor: i64) -> Known {
    Known { account: Some(Account { balance: Money::from_minor(minor), seq: 7 }), ..Known::default() }
}

#[test]
fn an_account_is_created_once() {
    let (change, outcomes) = fold(Known::default(), &[Command::Create, Command::Create]);
    assert_eq!(outcomes, [Outcome::Created, Outcome::AlreadyExists]);
    assert!(change.created && change.entries.is_empty());
}

#[test]
fn commands_see_what_those_before_them_did() {
    let (change, outcomes) =
        fold(Known::default(), &[Command::Create, top_up(500, 1, None), charge(1, 300), charge(2, 300)]);
    assert!(matches!(outcomes[2], Outcome::Decided(Verdict::Succeeded(_))));
    assert_eq!(outcomes[3], Outcome::Decided(Verdict::Declined(DeclineReason::InsufficientFunds)));
    assert_eq!(change.account, Some(Account { balance: Money::from_minor(200), seq: 2 }));
    let chain: Vec<_> = change.entries.iter().map(|entry| (entry.seq, entry.balance_after.minor())).collect();
    assert_eq!(chain, [(1, 500), (2, 200)]);
}

#[test]
fn without_an_account_nothing_is_paid_or_topped_up() {
    let (change, outcomes) = fold(Known::default(), &[top_up(1, 1, None), charge(1, 1)]);
    assert_eq!(outcomes, [Outcome::NoAccount, Outcome::Decided(Verdict::Declined(DeclineReason::AccountNotFound))]);
    assert!(change.entries.is_empty() && change.account.is_none());
    assert_eq!(change.payments.len(), 1);
}

#[test]
fn an_order_that_has_a_verdict_keeps_it_even_when_the_money_is_there_now() {
    let declined = Verdict::Declined(DeclineReason::InsufficientFunds);
    let known = Known { payments: recorded(1, 10, declined), ..with_balance(1000) };
    let (change, outcomes) = fold(known.clone(), &[charge(1, 10)]);
    assert_eq!(outcomes, [Outcome::Decided(declined)]);
    assert_eq!(change, Change { account: known.account, ..Change::default() });
}

#[test]
fn two_requests_for_one_order_debit_once() {
    let (change, outcomes) = fold(with_balance(1000), &[charge(1, 10), charge(1, 10)]);
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!((change.entries.len(), change.payments.len()), (1, 1));
}

#[test]
fn a_key_makes_one_top_up_and_belongs_to_its_amount() {
    let commands = [top_up(10, 1, Some("k")), top_up(10, 2, Some("k")), top_up(11, 3, Some("k"))];
    let (change, outcomes) = fold(with_balance(0), &commands);
    let made = TopUpMade {
        amount: amount(10),
        transaction_id: TransactionId::new(Uuid::from_u128(1)),
        balance_after: Money::from_minor(10),
    };
    assert_eq!(outcomes, [Outcome::ToppedUp(made), Outcome::Replayed(made), Outcome::KeyReused]);
    assert_eq!(change.entries.len(), 1);
}

#[test]
fn a_balance_stops_at_the_largest_amount() {
    let (_, outcomes) = fold(with_balance(Amount::MAX.minor() - 5), &[top_up(6, 1, None), top_up(5, 2, None)]);
    assert!(matches!(outcomes[..], [Outcome::LimitExceeded, Outcome::ToppedUp(_)]));
}

#[test]
fn a_cancel_fences_what_was_not_asked_for_yet() {
    for known in [Known::default(), with_balance(1000)] {
        let (change, outcomes) = fold(known.clone(), &[cancel(1, 10), charge(1, 10), cancel(1, 10)]);
        assert_eq!(outcomes, [FENCED, FENCED, FENCED]);
        assert_eq!((change.account, change.entries.len(), change.payments.len()), (known.account, 0, 1));
    }
}

#[test]
fn a_cancel_gives_back_what_was_taken_once() {
    let debit = TransactionId::new(Uuid::from_u128(1001));
    let known = Known { payments: recorded(1, 10, Verdict::Succeeded(debit)), ..with_balance(0) };
    let (change, outcomes) = fold(known, &[cancel(1, 10), charge(1, 10), cancel(1, 10)]);
    assert_eq!(outcomes, [refunded(1), refunded(1), refunded(1)]);
    assert_eq!(change.account, Some(Account { balance: Money::from_minor(10), seq: 8 }));
    assert_eq!((change.entries.len(), change.payments.len(), change.refunds.len()), (1, 0, 1));
    assert_eq!(change.entries[0].kind, EntryKind::Refund(OrderId::new(Uuid::from_u128(1))));
}

#[test]
fn a_debit_and_its_cancel_in_one_transaction_are_both_in_the_books_and_recorded_once() {
    let (change, outcomes) = fold(with_balance(1000), &[charge(1, 10), cancel(1, 10)]);
    assert!(matches!(outcomes[0], Outcome::Decided(Verdict::Succeeded(_))) && outcomes[1] == refunded(1));
    assert_eq!((change.entries.len(), change.refunds.len()), (2, 0));
    assert_eq!(change.payments.iter().map(|one| Outcome::Decided(one.verdict)).collect::<Vec<_>>(), [refunded(1)]);
}

#[test]
fn a_cancel_of_what_was_declined_is_answered_with_that() {
    let declined = Verdict::Declined(DeclineReason::InsufficientFunds);
    let known = Known { payments: recorded(1, 10, declined), ..with_balance(1000) };
    let (change, outcomes) = fold(known.clone(), &[cancel(1, 10)]);
    assert_eq!(outcomes, [Outcome::Decided(declined)]);
    assert_eq!(change, Change { account: known.account, ..Change::default() });
}

#[test]
fn nobody_gets_back_what_somebody_else_or_another_amount_paid() {
    let debit = TransactionId::new(Uuid::from_u128(1001));
    let known = Known { payments: recorded(1, 10, Verdict::Succeeded(debit)), ..with_balance(0) };
    let stranger = UserId::parse("stranger").expect("valid");
    assert_eq!(super::fold(&stranger, known.clone(), &[cancel(1, 10)]).1, [Outcome::Mismatch]);
    assert_eq!(fold(known, &[cancel(1, 11)]).1, [Outcome::Mismatch]);
}

#[test]
fn a_refund_may_exceed_what_a_top_up_may_not() {
    let debit = TransactionId::new(Uuid::from_u128(1001));
    let known = Known { payments: recorded(1, 10, Verdict::Succeeded(debit)), ..with_balance(Amount::MAX.minor()) };
    let (change, outcomes) = fold(known, &[cancel(1, 10)]);
    assert_eq!(outcomes, [refunded(1)]);
    assert_eq!(change.account.map(|account| account.balance.minor()), Some(Amount::MAX.minor() + 10));
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(Command::Create),
        (1..100_i64, 1..50_u128, proptest::option::of(0..4_u8)).prop_map(|(minor, id, key)| top_up(
            minor,
            id,
            key.map(|key| key.to_string()).as_deref()
        )),
        (1..8_u128).prop_map(|order| charge(order, price(order))),
        (1..8_u128).prop_map(|order| cancel(order, price(order))),
    ]
}

/// Orders asks for the same amount whatever it asks.
fn price(order: u128) -> i64 {
    i64::try_from(order * 13 % 100).expect("small") + 1
}

proptest! {
    #[test]
    fn an_order_is_debited_once_at_most_and_once_cancelled_keeps_no_money(commands in vec(any_command(), 0..60)) {
        let commands = [vec![Command::Create], commands].concat();
        let (change, outcomes) = fold(Known::default(), &commands);
        for order in 1..8_u128 {
            let id = OrderId::new(Uuid::from_u128(order));
            let of = |kind: EntryKind| change.entries.iter().filter(|entry| entry.kind == kind).count();
            let (debits, refunds) = (of(EntryKind::Debit(id)), of(EntryKind::Refund(id)));
            prop_assert!(debits <= 1 && refunds <= debits);
            let cancelled = commands.iter().any(|command| *command == cancel(order, price(order)));
            prop_assert!(!cancelled || debits == refunds);
        }
        prop_assert!(!outcomes.contains(&Outcome::Mismatch));
    }

    #[test]
    fn the_chain_never_breaks_whatever_is_asked(commands in vec(any_command(), 0..40)) {
        let (change, outcomes) = fold(Known::default(), &commands);
        prop_assert_eq!(outcomes.len(), commands.len());
        let mut balance = 0;
        for (index, entry) in change.entries.iter().enumerate() {
            balance += entry.amount.minor();
            prop_assert_eq!(entry.seq, i64::try_from(index).expect("small") + 1);
            prop_assert_eq!(entry.balance_after.minor(), balance);
            prop_assert!(balance >= 0);
        }
        prop_assert_eq!(change.account.map_or(0, |account| account.balance.minor()), balance);
    }

    #[test]
    fn folding_at_once_or_one_by_one_comes_to_the_same(commands in vec(any_command(), 0..20)) {
        let (together, outcomes) = fold(Known::default(), &commands);
        let mut known = Known::default();
        let mut alone = Vec::new();
        for command in &commands {
            let change = Change { account: known.account, ..Change::default() };
            let mut folding = Folding { user: &user(), known, change };
            alone.push(folding.step(command));
            known = Known { account: folding.change.account, ..folding.known };
        }
        prop_assert_eq!(alone, outcomes);
        prop_assert_eq!(known.account, together.account);
    }
}
