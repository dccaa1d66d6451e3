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
            let verdict = payment.verdict;
            // Broken: no notice is taken of what was decided.
            if failpoints::broken("rule::inbox") {
                self.debit_again(amount, id);
            }
            return Outcome::Decided(verdict);
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
        let Verdict::Succeeded(debit) = payment.verdict else {
            let verdict = payment.verdict;
            // Broken: what was given back is given back again.
            if matches!(verdict, Verdict::Refunded { .. }) && failpoints::broken("rule::refund-once") {
                self.refund_again(amount, id);
            }
            return Outcome::Decided(verdict);
        };
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

    /// Only where a test breaks a rule. The entry stands under an order of its own: an index refuses a second one of the same kind under
    /// the order that it is for, whatever the ledger believes.
    fn debit_again(&mut self, amount: Amount, id: TransactionId) {
        if let Some(account) = self.change.account
            && let Some(balance) = account.balance.checked_sub(amount.money()).filter(|left| *left >= Money::ZERO)
        {
            let kind = EntryKind::Debit(OrderId::new(id.uuid()));
            self.append(account, id, kind, Money::from_minor(-amount.minor()), balance);
        }
    }

    /// As [`Self::debit_again`].
    fn refund_again(&mut self, amount: Amount, id: TransactionId) {
        if let Some(account) = self.change.account
            && let Some(balance) = account.balance.checked_add(amount.money())
        {
            self.append(account, id, EntryKind::Refund(OrderId::new(id.uuid())), amount.money(), balance);
        }
    }

    fn append(&mut self, account: Account, id: TransactionId, kind: EntryKind, amount: Money, balance: Money) {
        let seq = account.seq + 1;
        self.change.entries.push(Entry { seq, id, kind, amount, balance_after: balance });
        self.change.account = Some(Account { balance, seq });
    }
}

#[cfg(test)]
mod tests;
