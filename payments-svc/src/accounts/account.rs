//! What an account decides, purely: commands in order, each with its own verdict, folded into one change.
//! Absent: where the account came from and how the change is saved (the ledger), ids and clocks (whoever asks brings them).

use saga::{
    Amount, Money, OrderId, TransactionId, UserId,
    order::{CancelCause, DeclineReason},
};
use std::collections::HashMap;

/// An account as it stands, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// What is on it.
    pub balance: Money,
    /// The number of its last entry, 0 before the first. Also the version that a change checks.
    pub seq: i64,
}

/// What somebody wants of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open it.
    Create,
    /// Put money on it.
    TopUp {
        /// How much.
        amount: Amount,
        /// The id of the entry, if this makes one.
        transaction_id: TransactionId,
        /// The client's Idempotency-Key.
        key: Option<String>,
    },
    /// Pay an order from it.
    Charge {
        /// The order.
        order_id: OrderId,
        /// What it costs.
        amount: Amount,
        /// The id of the entry, if this makes one.
        transaction_id: TransactionId,
    },
    /// Take no money for an order any more, and give back what was taken.
    Cancel {
        /// The order.
        order_id: OrderId,
        /// What it costs.
        amount: Amount,
        /// Who wants it.
        cause: CancelCause,
        /// The id of the refund, if this makes one.
        transaction_id: TransactionId,
    },
}

/// What payments decided about an order. It is decided once; only a payment may still be given back, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Paid, by this entry.
    Succeeded(TransactionId),
    /// Not paid.
    Declined(DeclineReason),
    /// Never to be paid: a fence against every later request.
    Fenced(CancelCause),
    /// Paid and given back.
    Refunded {
        /// Who wanted it.
        cause: CancelCause,
        /// The entry that paid.
        debit: TransactionId,
        /// The entry that gave back.
        refund: TransactionId,
    },
}

/// A verdict as it is recorded, with whom and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The order.
    pub order_id: OrderId,
    /// Whose account it was asked from.
    pub user_id: UserId,
    /// What was asked for.
    pub amount: Amount,
    /// What payments decided.
    pub verdict: Verdict,
}

/// A top-up that was made under an Idempotency-Key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUpMade {
    /// How much it was.
    pub amount: Amount,
    /// Its entry.
    pub transaction_id: TransactionId,
    /// The balance after it, which was its answer.
    pub balance_after: Money,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The account is open now.
    Created,
    /// It was open before.
    AlreadyExists,
    /// The money is on the account.
    ToppedUp(TopUpMade),
    /// It was, by an earlier command with the same key; this one did nothing.
    Replayed(TopUpMade),
    /// The key belongs to a top-up of another amount.
    KeyReused,
    /// The balance would exceed [`Amount::MAX`].
    LimitExceeded,
    /// There is no account to top up.
    NoAccount,
    /// The order's verdict: a new one, or the one that it has.
    Decided(Verdict),
    /// The order was paid from another account, or another amount of it, than the one that the refund is asked for.
    Mismatch,
}

/// Why an entry was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Money from outside, perhaps under an Idempotency-Key.
    TopUp(Option<String>),
    /// The payment of an order.
    Debit(OrderId),
    /// What an order had paid, given back.
    Refund(OrderId),
}

/// One link of the account's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number: one more than the entry before.
    pub seq: i64,
    /// As clients see it.
    pub id: TransactionId,
    /// Why.
    pub kind: EntryKind,
    /// What it adds; negative for a debit.
    pub amount: Money,
    /// The balance once it is counted.
    pub balance_after: Money,
}

/// What is known when a change begins: the account and what was decided before about what the commands name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The account, if there is one.
    pub account: Option<Account>,
    /// What is recorded about the orders that the commands name, as far as there is anything.
    pub payments: HashMap<OrderId, Payment>,
    /// The top-ups under the keys that the commands name.
    pub top_ups: HashMap<String, TopUpMade>,
}

/// What has to be saved together, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The account is new.
    pub created: bool,
    /// The new links of its chain, in order.
    pub entries: Vec<Entry>,
    /// What is newly decided.
    pub payments: Vec<Payment>,
    /// What was recorded as paid and is given back.
    pub refunds: Vec<Payment>,
    /// The account afterwards.
    pub account: Option<Account>,
}

/// Folds the user's commands, in order, into one change with an outcome for each.
pub fn fold(user: &UserId, known: Known, commands: &[Command]) -> (Change, Vec<Outcome>) {
    let change = Change { account: known.account, ..Change::default() };
    let mut folding = Folding { user, known, change };
    let outcomes = commands.iter().map(|command| folding.step(command)).collect();
    (folding.change, outcomes)
}

struct Folding<'a> {
    user: &'a UserId,
    known: Known,
    change: Change,
}

impl Folding<'_> {
    fn step(&mut self, command: &Command) -> Outcome {
        match command {
            Command::Create => self.create(),
            Command::TopUp { amount, transaction_id, key } => self.top_up(*amount, *transaction_id, key.clone()),
            Command::Charge { order_id, amount, transaction_id } => self.charge(*order_id, *amount, *transaction_id),
            Command::Cancel { order_id, amount, cause, transaction_id } => {
                self.cancel(*order_id, *amount, *cause, *transaction_id)
            }
        }
    }

    fn create(&mut self) -> Outcome {
        if self.change.account.is_some() {
            return Outcome::AlreadyExists;
        }
        self.change.created = true;
        self.change.account = Some(Account { balance: Money::ZERO, seq: 0 });
        Outcome::Created
    }

    fn top_up(&mut self, amount: Amount, id: TransactionId, key: Option<String>) -> Outcome {
        if let Some(made) = key.as_ref().and_then(|key| self.known.top_ups.get(key)) {
            return if made.amount == amount { Outcome::Replayed(*made) } else { Outcome::KeyReused };
        }
        let Some(account) = self.change.account else { return Outcome::NoAccount };
        let within_limit = |balance: &Money| *balance <= Amount::MAX.money();
        let Some(balance) = account.balance.checked_add(amount.money()).filter(within_limit) else {
            return Outcome::LimitExceeded;
        };
        let made = TopUpMade { amount, transaction_id: id, balance_after: balance };
        if let Some(key) = &key {
            self.known.top_ups.insert(key.clone(), made);
        }
        self.append(account, id, EntryKind::TopUp(key), amount.money(), balance);
        Outcome::ToppedUp(made)
    }

    fn charge(&mut self, order_id: OrderId, amount: Amount, id: TransactionId) -> Outcome {
        if let Some(payment) = self.known.payments.get(&order_id) {
            return Outcome::Decided(payment.verdict);
        }
        let verdict = match self.change.account {
            None => Verdict::Declined(DeclineReason::AccountNotFound),
            Some(account) => match account.balance.checked_sub(amount.money()) {
                Some(balance) if balance >= Money::ZERO => {
                    let taken = Money::from_minor(-amount.minor());
                    self.append(account, id, EntryKind::Debit(order_id), taken, balance);
                    Verdict::Succeeded(id)
                }
                _ => Verdict::Declined(DeclineReason::InsufficientFunds),
            },
        };
        self.decide(order_id, amount, verdict)
    }

    fn cancel(&mut self, order_id: OrderId, amount: Amount, cause: CancelCause, id: TransactionId) -> Outcome {
        let Some(payment) = self.known.payments.get(&order_id) else {
            return self.decide(order_id, amount, Verdict::Fenced(cause));
        };
        let Verdict::Succeeded(debit) = payment.verdict else { return Outcome::Decided(payment.verdict) };
        if (&payment.user_id, payment.amount) != (self.user, amount) {
            return Outcome::Mismatch;
        }
        // What was debited was on the account once; that it is gone since, or overflows now, no books explain.
        let account = self.change.account;
        let Some((account, balance)) =
            account.and_then(|account| Some((account, account.balance.checked_add(amount.money())?)))
        else {
            return Outcome::Mismatch;
        };
        self.append(account, id, EntryKind::Refund(order_id), amount.money(), balance);
        self.undo(order_id, Verdict::Refunded { cause, debit, refund: id })
    }

    fn decide(&mut self, order_id: OrderId, amount: Amount, verdict: Verdict) -> Outcome {
        let payment = Payment { order_id, user_id: self.user.clone(), amount, verdict };
        self.known.payments.insert(order_id, payment.clone());
        self.change.payments.push(payment);
        Outcome::Decided(verdict)
    }

    fn undo(&mut self, order_id: OrderId, verdict: Verdict) -> Outcome {
        if let Some(payment) = self.known.payments.get_mut(&order_id) {
            payment.verdict = verdict;
            match self.change.payments.iter_mut().find(|fresh| fresh.order_id == order_id) {
                // Decided and undone in one transaction: it is recorded once, as undone.
                Some(fresh) => fresh.verdict = verdict,
                None => self.change.refunds.push(payment.clone()),
            }
        }
        Outcome::Decided(verdict)
    }

    fn append(&mut self, account: Account, id: TransactionId, kind: EntryKind, amount: Money, balance: Money) {
        let seq = account.seq + 1;
        self.change.entries.push(Entry { seq, id, kind, amount, balance_after: balance });
        self.change.account = Some(Account { balance, seq });
    }
}

#[cfg(test)]
mod tests {
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
}
