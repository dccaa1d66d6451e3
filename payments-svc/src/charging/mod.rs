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
use store::chance;

/// Handles what arrives on `payments.requests`.
#[derive(Clone, Debug)]
pub struct Charging {
    /// Where the money is.
    pub accounts: Accounts,
    /// The only currency there is.
    pub currency: Currency,
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
