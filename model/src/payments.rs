//! What payments decides about a request: asked of the real fold, in the model's few words.
//! Absent: any decision made here.

use crate::{Account, Letter};
use payments_svc::accounts::account::{self, Command, Known, Outcome, Payment, fold};
use saga::{
    Amount, Money, OrderId, TransactionId, UserId,
    order::{CancelCause, DeclineReason},
};
use std::{collections::HashMap, sync::LazyLock};
use uuid::Uuid;

/// What every order costs.
pub(crate) const PRICE: i8 = 1;

const DEBIT: TransactionId = TransactionId::new(Uuid::from_u128(1));
const REFUND: TransactionId = TransactionId::new(Uuid::from_u128(2));
const ORDER: OrderId = OrderId::new(Uuid::from_u128(3));

/// What payments has recorded about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Paid.
    Succeeded,
    /// Not paid.
    Declined,
    /// Never to be paid.
    Fenced(CancelCause),
    /// Paid and given back.
    Refunded(CancelCause),
}

/// What is written of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// Nothing: the verdict stands already.
    Nothing,
    /// The order's first and only row.
    Insert,
    /// The row says "given back" from now on.
    Refund,
}

/// What a request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decision {
    /// The verdict afterwards, which is what is answered.
    pub verdict: Verdict,
    /// What is written of it.
    pub record: Record,
    /// What the account's new entry adds, if there is one.
    pub entry: i8,
}

impl Decision {
    /// The answer to orders.
    pub const fn answer(self) -> Letter {
        match self.verdict {
            Verdict::Succeeded => Letter::Succeeded,
            Verdict::Declined => Letter::Declined,
            Verdict::Fenced(cause) | Verdict::Refunded(cause) => Letter::Cancelled(cause),
        }
    }
}

/// [`decide`], which has been asked once for each situation that there may be.
pub(crate) fn decided(account: Account, recorded: Option<Verdict>, request: Letter) -> Option<Decision> {
    let balance = BALANCES.iter().position(|one| *one == account.balance)?;
    let recorded = RECORDED.iter().position(|one| *one == recorded)?;
    DECISIONS[balance][recorded][request.index()]
}

type Decisions = [[[Option<Decision>; Letter::ALL.len()]; RECORDED.len()]; BALANCES.len()];

static DECISIONS: LazyLock<Decisions> = LazyLock::new(|| {
    BALANCES.map(|balance| {
        RECORDED.map(|recorded| Letter::ALL.map(|request| decide(Account { balance, seq: 0 }, recorded, request)))
    })
});

/// With two prices at most paid in, and a rule removed that lets one of them count twice.
const BALANCES: [i8; 5] = [0, 1, 2, 3, 4];
const RECORDED: [Option<Verdict>; 7] = [
    None,
    Some(Verdict::Succeeded),
    Some(Verdict::Declined),
    Some(Verdict::Fenced(CancelCause::ByUser)),
    Some(Verdict::Fenced(CancelCause::Deadline)),
    Some(Verdict::Refunded(CancelCause::ByUser)),
    Some(Verdict::Refunded(CancelCause::Deadline)),
];

/// Decides about a request, as the account and the order's verdict were read. `None` for a letter that is no request, or that the
/// fold takes for somebody else's.
pub fn decide(account: Account, recorded: Option<Verdict>, request: Letter) -> Option<Decision> {
    let amount = Amount::from_minor(PRICE.into()).ok()?;
    let user_id = UserId::parse("buyer").ok()?;
    let command = match request {
        Letter::Charge => Command::Charge { order_id: ORDER, amount, transaction_id: DEBIT },
        Letter::Cancel(cause) => Command::Cancel { order_id: ORDER, amount, cause, transaction_id: REFUND },
        Letter::Succeeded | Letter::Declined | Letter::Cancelled(_) => return None,
    };
    let payment =
        |verdict| Payment { order_id: ORDER, user_id: user_id.clone(), amount, verdict: in_shops_words(verdict) };
    let known = Known {
        account: Some(account::Account { balance: Money::from_minor(account.balance.into()), seq: account.seq.into() }),
        payments: recorded.map(|verdict| (ORDER, payment(verdict))).into_iter().collect(),
        top_ups: HashMap::new(),
    };
    let (change, outcomes) = fold(&user_id, known, &[command]);
    let [Outcome::Decided(verdict)] = outcomes[..] else { return None };
    let record = match (change.payments.len(), change.refunds.len()) {
        (0, 0) => Record::Nothing,
        (_, 0) => Record::Insert,
        (_, _) => Record::Refund,
    };
    let entry = change.entries.iter().map(|entry| entry.amount.minor()).sum::<i64>();
    Some(Decision { verdict: in_models_words(verdict), record, entry: i8::try_from(entry).ok()? })
}

const fn in_shops_words(verdict: Verdict) -> account::Verdict {
    match verdict {
        Verdict::Succeeded => account::Verdict::Succeeded(DEBIT),
        Verdict::Declined => account::Verdict::Declined(DeclineReason::InsufficientFunds),
        Verdict::Fenced(cause) => account::Verdict::Fenced(cause),
        Verdict::Refunded(cause) => account::Verdict::Refunded { cause, debit: DEBIT, refund: REFUND },
    }
}

const fn in_models_words(verdict: account::Verdict) -> Verdict {
    match verdict {
        account::Verdict::Succeeded(_) => Verdict::Succeeded,
        account::Verdict::Declined(_) => Verdict::Declined,
        account::Verdict::Fenced(cause) => Verdict::Fenced(cause),
        account::Verdict::Refunded { cause, .. } => Verdict::Refunded(cause),
    }
}
