//! Payments' answers arrive, and wishes to cancel: the sagas of all orders that wait are stepped in one transaction.
//! Absent: the rules (saga::order), when an order is too late (deadline) and telling the buyer (pushing).

mod settle;
mod spans;

pub use settle::{Answer, Happening, SettleError, Settled, Settling};

use async_trait::async_trait;
use messaging::{
    Event, Poison,
    consumer::{self, HandleError, PREFETCH},
};
use saga::{
    OrderId, UserId,
    messages::{Payload, PaymentCancelled, PaymentDeclined, PaymentSucceeded},
    order,
};
use supervision::{Admission, AskError, Gatherer, Handle, Limits, Vitals};
use telemetry::TraceContext;

/// The consumer's prefetch bounds its messages; twice that leaves room for its retries.
const MOST_UNDER_WAY: usize = PREFETCH as usize * 2;
/// Answers in one transaction: a few tens of milliseconds' work at most.
const MOST_TOGETHER: usize = 1_000;

/// Wishes under way; more are refused. They are counted by themselves, so that a crowd of them cannot have an answer refused.
const MOST_WISHES: usize = 4_096;

/// A wish about an order: that it be cancelled.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The order.
    pub order_id: OrderId,
    /// Whose it is.
    pub user_id: UserId,
    /// What is wished for.
    pub event: order::Event,
    /// Only of the order as it was at this version.
    pub version: Option<i32>,
    /// The request to payments goes on with it.
    pub trace: TraceContext,
}

/// The way to the settling actor, and the handler of `orders.payment-results`. A cheap clone.
#[derive(Clone, Debug)]
pub struct SettlingHandle {
    settling: Handle<Settling>,
    wishes: Admission,
}

impl SettlingHandle {
    /// Starts the actor on the current arbiter.
    pub fn start(settling: Settling, vitals: &Vitals) -> Self {
        let limits = Limits { admitted: MOST_UNDER_WAY, batch: MOST_TOGETHER, lanes: 1 };
        Self { settling: Gatherer::start(settling, limits, vitals), wishes: Admission::new(MOST_WISHES) }
    }

    /// Records a wish; comes back when it is durable.
    ///
    /// # Errors
    /// [`SettleError`] when it is not, or nobody can tell.
    pub async fn wish(&self, Wish { order_id, user_id, event, version, trace }: Wish) -> Result<Settled, SettleError> {
        let happening = Happening { order_id, user_id, event, version, answer: None, trace: Some(trace) };
        let (ask, settled) = self.wishes.admit(happening).map_err(|_| SettleError::Overloaded)?;
        self.settling.add(vec![ask]);
        settled.await.unwrap_or(Err(SettleError::Interrupted))
    }

    /// Whether the actor is there.
    pub fn alive(&self) -> bool {
        self.settling.alive()
    }

    /// Comes back when nothing is under way.
    pub async fn drain(&self) {
        self.settling.idle().await;
    }
}

#[async_trait]
impl consumer::Handle for SettlingHandle {
    async fn handle(&self, event: &Event) -> Result<(), HandleError> {
        let settled = self.settling.ask(read(event)?).await.map_err(|error| match error {
            AskError::Overloaded => HandleError::Unavailable,
            AskError::Lost => HandleError::Interrupted,
        })?;
        match settled {
            Ok(_) => Ok(()),
            Err(SettleError::Unavailable | SettleError::Overloaded) => Err(HandleError::Unavailable),
            Err(SettleError::Interrupted) => Err(HandleError::Interrupted),
            Err(error) => Err(HandleError::Failed(error.to_string())),
        }
    }
}

/// What a message from payments means for which order.
pub(crate) fn read(event: &Event) -> Result<Happening, Poison> {
    let (order_id, user_id, amount, event_of_saga, refund) = match event.type_name.as_str() {
        PaymentSucceeded::TYPE => {
            let PaymentSucceeded { order_id, user_id, amount_minor, .. } = event.data()?;
            (order_id, user_id, amount_minor, order::Event::PaymentSucceeded, None)
        }
        PaymentDeclined::TYPE => {
            let PaymentDeclined { order_id, user_id, amount_minor, reason, .. } = event.data()?;
            (order_id, user_id, amount_minor, order::Event::PaymentDeclined(reason), None)
        }
        PaymentCancelled::TYPE => {
            let PaymentCancelled { order_id, user_id, amount_minor, cause, refund_transaction_id, .. } =
                event.data()?;
            (order_id, user_id, amount_minor, order::Event::PaymentCancelled(cause), refund_transaction_id)
        }
        other => return Err(Poison::UnknownType(other.to_owned())),
    };
    let answer = Some(Answer { message_id: event.id, amount, refund });
    Ok(Happening { order_id, user_id, event: event_of_saga, version: None, answer, trace: event.trace })
}
