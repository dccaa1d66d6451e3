//! Answering orders' requests for money, and to let it be: each message becomes a command for its account.
//! Absent: the decision (the account's fold) and the answer's row (the ledger writes it with the decision).

use crate::accounts::{
    Accounts,
    account::{Command, Outcome},
    ledger::{ChangeError, Origin, Task},
};
use async_trait::async_trait;
use messaging::{
    Event, Poison,
    consumer::{Handle, HandleError},
};
use saga::{
    Currency, OrderId, TransactionId, UserId,
    messages::{Payload, PaymentCancelRequested, PaymentRequested},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use store::{Rows, Sql, Store, chance};

static ANY_ACCOUNT: Sql = Sql::new("SELECT 1 AS account FROM accounts LIMIT 1");

/// Handles what arrives on `payments.requests`.
#[derive(Clone, Debug)]
pub struct Charging {
    accounts: Accounts,
    store: Store,
    currency: Currency,
    /// Whether somebody has an account; that ends never.
    in_use: Arc<AtomicBool>,
}

#[async_trait]
impl Handle for Charging {
    async fn handle(&self, event: &Event) -> Result<(), HandleError> {
        match event.type_name.as_str() {
            PaymentRequested::TYPE => {
                let PaymentRequested { order_id, user_id, amount_minor: amount, currency } = event.data()?;
                let command = Command::Charge { order_id, amount, transaction_id: fresh() };
                self.answer(event, order_id, user_id, currency, command).await
            }
            PaymentCancelRequested::TYPE => {
                let PaymentCancelRequested { order_id, user_id, amount_minor: amount, currency, cause } =
                    event.data()?;
                let command = Command::Cancel { order_id, amount, cause, transaction_id: fresh() };
                self.answer(event, order_id, user_id, currency, command).await
            }
            other => Err(Poison::UnknownType(other.to_owned()).into()),
        }
    }
}

/// The id of an entry that may have to be made.
fn fresh() -> TransactionId {
    TransactionId::new(chance::id())
}

impl Charging {
    /// On the accounts of this database, in the only currency there is.
    pub fn new(accounts: Accounts, store: Store, currency: Currency) -> Self {
        Self { accounts, store, currency, in_use: Arc::default() }
    }

    /// A database without any account is perhaps not the one that was meant. Who says from which database a request comes is known to
    /// be the partner; whoever says nothing waits until somebody has an account here.
    async fn may_decide(&self, event: &Event) -> Result<bool, HandleError> {
        if event.ends.origin.is_some() || self.in_use.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let found = ANY_ACCOUNT.query(self.store.connection(), Rows::new(), Vec::new()).await;
        let in_use = !found.map_err(|_| HandleError::Unavailable)?.is_empty();
        self.in_use.store(in_use, Ordering::Relaxed);
        Ok(in_use)
    }

    async fn answer(
        &self,
        event: &Event,
        order: OrderId,
        user: UserId,
        currency: Currency,
        command: Command,
    ) -> Result<(), HandleError> {
        if currency != self.currency {
            return Err(HandleError::Failed(format!("asks for {currency}, the shop has {}", self.currency)));
        }
        if !self.may_decide(event).await? {
            return Err(HandleError::Unavailable);
        }
        let message = Some(Origin { id: event.id, trace: event.trace });
        let done = self.accounts.change(user, Task { command, message }).await?;
        tracing::debug!(order.id = %order, message.id = %event.id, outcome = ?done.outcome, "answered orders");
        match done.outcome {
            Outcome::Mismatch => {
                Err(HandleError::Failed(format!("order {order} was paid by another account, or another amount")))
            }
            _ => Ok(()),
        }
    }
}

impl From<ChangeError> for HandleError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unavailable | ChangeError::Overloaded => Self::Unavailable,
            ChangeError::Interrupted => Self::Interrupted,
            ChangeError::Failed(why) => Self::Failed(why),
        }
    }
}
