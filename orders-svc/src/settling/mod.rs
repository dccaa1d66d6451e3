//! Payments' answers arrive: the sagas of all orders that wait are stepped in one transaction.
//! Absent: the rules (saga::order) and telling the buyer (pushing).

mod settle;
mod spans;

pub use settle::{Answer, SettleError, Settled, Settling};

use async_trait::async_trait;
use messaging::{
    Event, Poison,
    consumer::{self, HandleError, PREFETCH},
};
use saga::{
    messages::{Payload, PaymentDeclined, PaymentSucceeded},
    order,
};
use supervision::{AskError, Gatherer, Handle, Limits, Vitals};

/// The consumer's prefetch bounds its messages; twice that leaves room for its retries.
const MOST_UNDER_WAY: usize = PREFETCH as usize * 2;
/// Answers in one transaction: a few tens of milliseconds' work at most.
const MOST_TOGETHER: usize = 1_000;

/// The way to the settling actor, and the handler of `orders.payment-results`. A cheap clone.
#[derive(Clone, Debug)]
pub struct SettlingHandle(Handle<Settling>);

impl SettlingHandle {
    /// Starts the actor on the current arbiter.
    pub fn start(settling: Settling, vitals: &Vitals) -> Self {
        Self(Gatherer::start(settling, Limits { admitted: MOST_UNDER_WAY, batch: MOST_TOGETHER, lanes: 1 }, vitals))
    }

    /// Whether the actor is there.
    pub fn alive(&self) -> bool {
        self.0.alive()
    }

    /// Comes back when nothing is under way.
    pub async fn drain(&self) {
        self.0.idle().await;
    }
}

#[async_trait]
impl consumer::Handle for SettlingHandle {
    async fn handle(&self, event: &Event) -> Result<(), HandleError> {
        let settled = self.0.ask(read(event)?).await.map_err(|error| match error {
            AskError::Overloaded => HandleError::Unavailable,
            AskError::Lost => HandleError::Interrupted,
        })?;
        match settled {
            Ok(_) => Ok(()),
            Err(SettleError::Unavailable) => Err(HandleError::Unavailable),
            Err(error) => Err(HandleError::Failed(error.to_string())),
        }
    }
}

fn read(event: &Event) -> Result<Answer, Poison> {
    let (request, event_of_saga) = match event.type_name.as_str() {
        PaymentSucceeded::TYPE => {
            let PaymentSucceeded { order_id, user_id, amount_minor, .. } = event.data()?;
            ((order_id, user_id, amount_minor), order::Event::PaymentSucceeded)
        }
        PaymentDeclined::TYPE => {
            let PaymentDeclined { order_id, user_id, amount_minor, reason, .. } = event.data()?;
            ((order_id, user_id, amount_minor), order::Event::PaymentDeclined(reason))
        }
        other => return Err(Poison::UnknownType(other.to_owned())),
    };
    let (order_id, user_id, amount) = request;
    Ok(Answer { message_id: event.id, order_id, user_id, amount, event: event_of_saga, trace: event.trace })
}
