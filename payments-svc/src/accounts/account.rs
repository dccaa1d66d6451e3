//! What an account decides, purely: commands in order, each with its own verdict, folded into one change.
//! Absent: where the account came from and how the change is saved (the ledger), ids and clocks (whoever asks brings them).

use saga::{Amount, Money, OrderId, TransactionId, order::DeclineReason};
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
}

/// What payments once decided about an order. It is decided once, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Paid, by this entry.
    Succeeded(TransactionId),
    /// Not paid.
    Declined(DeclineReason),
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
    Charged(Verdict),
}

/// Why an entry was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Money from outside, perhaps under an Idempotency-Key.
    TopUp(Option<String>),
    /// The payment of an order.
    Debit(OrderId),
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
    /// The verdicts of the orders that the commands name, as far as there are any.
    pub verdicts: HashMap<OrderId, Verdict>,
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
    /// The new verdicts, with the index of the command that asked.
    pub verdicts: Vec<(usize, OrderId, Verdict)>,
    /// The account afterwards.
    pub account: Option<Account>,
}

/// Folds the commands, in order, into one change with an outcome for each.
pub fn fold(known: Known, commands: &[Command]) -> (Change, Vec<Outcome>) {
    let change = Change { account: known.account, ..Change::default() };
    let mut folding = Folding { known, change };
    let outcomes = commands.iter().enumerate().map(|(index, command)| folding.step(index, command)).collect();
    (folding.change, outcomes)
}

struct Folding {
    known: Known,
    change: Change,
}

impl Folding {
    fn step(&mut self, index: usize, command: &Command) -> Outcome {
        match command {
            Command::Create => self.create(),
            Command::TopUp { amount, transaction_id, key } => self.top_up(*amount, *transaction_id, key.clone()),
            Command::Charge { order_id, amount, transaction_id } => {
                let verdict = match self.known.verdicts.get(order_id) {
                    Some(verdict) => *verdict,
                    None => self.decide(index, *order_id, *amount, *transaction_id),
                };
                Outcome::Charged(verdict)
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

    fn decide(&mut self, index: usize, order_id: OrderId, amount: Amount, id: TransactionId) -> Verdict {
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
        self.known.verdicts.insert(order_id, verdict);
        self.change.verdicts.push((index, order_id, verdict));
        verdict
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
        assert!(matches!(outcomes[2], Outcome::Charged(Verdict::Succeeded(_))));
        assert_eq!(outcomes[3], Outcome::Charged(Verdict::Declined(DeclineReason::InsufficientFunds)));
        assert_eq!(change.account, Some(Account { balance: Money::from_minor(200), seq: 2 }));
        let chain: Vec<_> = change.entries.iter().map(|entry| (entry.seq, entry.balance_after.minor())).collect();
        assert_eq!(chain, [(1, 500), (2, 200)]);
    }

    #[test]
    fn without_an_account_nothing_is_paid_or_topped_up() {
        let (change, outcomes) = fold(Known::default(), &[top_up(1, 1, None), charge(1, 1)]);
        assert_eq!(outcomes, [Outcome::NoAccount, Outcome::Charged(Verdict::Declined(DeclineReason::AccountNotFound))]);
        assert!(change.entries.is_empty() && change.account.is_none());
        assert_eq!(change.verdicts.len(), 1);
    }

    #[test]
    fn an_order_that_has_a_verdict_keeps_it_even_when_the_money_is_there_now() {
        let declined = Verdict::Declined(DeclineReason::InsufficientFunds);
        let mut known = with_balance(1000);
        known.verdicts.insert(OrderId::new(Uuid::from_u128(1)), declined);
        let (change, outcomes) = fold(known.clone(), &[charge(1, 10)]);
        assert_eq!(outcomes, [Outcome::Charged(declined)]);
        assert_eq!(change, Change { account: known.account, ..Change::default() });
    }

    #[test]
    fn two_requests_for_one_order_debit_once() {
        let (change, outcomes) = fold(with_balance(1000), &[charge(1, 10), charge(1, 10)]);
        assert_eq!(outcomes[0], outcomes[1]);
        assert_eq!((change.entries.len(), change.verdicts.len()), (1, 1));
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

    fn any_command() -> impl Strategy<Value = Command> {
        prop_oneof![
            Just(Command::Create),
            (1..100_i64, 1..50_u128, proptest::option::of(0..4_u8)).prop_map(|(minor, id, key)| top_up(
                minor,
                id,
                key.map(|key| key.to_string()).as_deref()
            )),
            (1..8_u128, 1..100_i64).prop_map(|(order, minor)| charge(order, minor)),
        ]
    }

    proptest! {
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
                let mut folding = Folding { change: Change { account: known.account, ..Change::default() }, known };
                alone.push(folding.step(0, command));
                known = Known { account: folding.change.account, ..folding.known };
            }
            prop_assert_eq!(alone, outcomes);
            prop_assert_eq!(known.account, together.account);
        }
    }
}
