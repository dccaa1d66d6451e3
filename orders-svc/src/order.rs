//! An order as the service knows it: what the buyer asked for, and where the saga stands.
//! Absent: the saga's rules (saga::order) and the tables.

use saga::{
    Amount, Currency, OrderId, TransactionId, UserId,
    messages::{PaymentCancelRequested, PaymentRequested},
    order::{CancelCause, START, State},
};
use store::Micros;

/// The columns of an order by name. `*` would be another list after the next migration, and PostgreSQL then refuses a statement that it
/// has prepared.
macro_rules! order_columns {
    () => {
        "orders.id, orders.user_id, orders.amount_minor, orders.currency, orders.description, orders.status, orders.reason, orders.version,
         orders.created_at, orders.updated_at, orders.pay_before, orders.cancel_requested_at, orders.cancel_cause,
         orders.refund_transaction_id, orders.idempotency_key"
    };
}
pub(crate) use order_columns;

/// What a buyer asks for, parsed. After this nothing is checked twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderDraft {
    /// Who buys.
    pub user_id: UserId,
    /// For how much.
    pub amount: Amount,
    /// What it is, in the buyer's words.
    pub description: Option<String>,
    /// The client's Idempotency-Key.
    pub idempotency_key: Option<String>,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id, a UUIDv7.
    pub id: OrderId,
    /// What was asked for.
    pub draft: OrderDraft,
    /// Of which currency.
    pub currency: Currency,
    /// Where the saga stands.
    pub state: State,
    /// 1 at first, one more with each change.
    pub version: i32,
    /// When it was placed.
    pub created_at: Micros,
    /// When it changed last.
    pub updated_at: Micros,
    /// Until when it has to be paid.
    pub pay_before: Micros,
    /// When somebody asked to cancel it, and who.
    pub cancel_requested: Option<(Micros, CancelCause)>,
    /// The entry in the account's statement that gave the money back.
    pub refund: Option<TransactionId>,
}

impl Order {
    /// A new order, as the saga begins.
    pub fn place(id: OrderId, draft: OrderDraft, currency: Currency, now: Micros, pay_before: Micros) -> Self {
        Self {
            id,
            draft,
            currency,
            state: START.0,
            version: 1,
            created_at: now,
            updated_at: now,
            pay_before,
            cancel_requested: None,
            refund: None,
        }
    }

    /// The order as it was when it was placed: the answer that a repeated request gets again.
    #[must_use]
    pub fn as_placed(self) -> Self {
        let Self { id, draft, currency, created_at, pay_before, .. } = self;
        Self::place(id, draft, currency, created_at, pay_before)
    }

    /// The request for its money.
    pub fn payment_request(&self) -> PaymentRequested {
        PaymentRequested {
            order_id: self.id,
            user_id: self.draft.user_id.clone(),
            amount_minor: self.draft.amount,
            currency: self.currency,
        }
    }

    /// The request to take no money, or to give it back.
    pub fn cancel_request(&self, cause: CancelCause) -> PaymentCancelRequested {
        let PaymentRequested { order_id, user_id, amount_minor, currency } = self.payment_request();
        PaymentCancelRequested { order_id, user_id, amount_minor, currency, cause }
    }
}
