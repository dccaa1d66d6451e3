//! Answering orders' requests for money: each message becomes a command for its account.
//! Absent: the decision (the account's fold) and the answer's row (the ledger writes it with the decision).

use crate::accounts::{
    Accounts,
    account::Command,
    ledger::{ChangeError, Origin, Task},
};
use async_trait::async_trait;
use messaging::{
    Event, Poison,
    consumer::{Handle, HandleError},
};
use saga::{
    Currency, TransactionId,
    messages::{Payload, PaymentRequested},
};
use uuid::Uuid;

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
            PaymentRequested::TYPE => self.charge(event.data()?, event).await,
            other => Err(Poison::UnknownType(other.to_owned()).into()),
        }
    }
}

impl Charging {
    async fn charge(&self, request: PaymentRequested, event: &Event) -> Result<(), HandleError> {
        if request.currency != self.currency {
            return Err(HandleError::Failed(format!("asks for {}, the shop has {}", request.currency, self.currency)));
        }
        let command = Command::Charge {
            order_id: request.order_id,
            amount: request.amount_minor,
            transaction_id: TransactionId::new(Uuid::now_v7()),
        };
        let message = Some(Origin { id: event.id, trace: event.trace });
        let done = self.accounts.change(request.user_id, Task { command, message }).await?;
        tracing::debug!(order.id = %request.order_id, message.id = %event.id, outcome = ?done.outcome, "answered a payment request");
        Ok(())
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
