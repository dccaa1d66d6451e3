//! Letters for tests, well-formed and not.

use messaging::{Ends, Letter};
use saga::{Amount, Currency, OrderId, UserId, messages::PaymentRequested};
use std::error::Error;
use store::Micros;
use uuid::Uuid;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A request of the contract, for [`messaging::broker::PAYMENTS_REQUESTS`].
pub fn request() -> Result<Letter> {
    Ok(Letter::seal(&payload()?, Micros(1), Ends::default(), None))
}

/// What such a request says.
pub fn payload() -> Result<PaymentRequested> {
    Ok(PaymentRequested {
        order_id: OrderId::new(Uuid::now_v7()),
        user_id: UserId::parse("user-1")?,
        amount_minor: Amount::from_minor(5000)?,
        currency: Currency::RUB,
    })
}

/// Requests of twenty users.
pub fn requests(number: usize) -> Result<Vec<Letter>> {
    let of = |number| {
        let user_id = UserId::parse(format!("user-{}", number % 20))?;
        Ok(Letter::seal(&PaymentRequested { user_id, ..payload()? }, Micros(1), Ends::default(), None))
    };
    (0..number).map(of).collect()
}

/// A letter that no consumer can read, for the same queue.
pub fn sealed(body: &str) -> Letter {
    Letter {
        id: Uuid::now_v7(),
        routing_key: "payment.requested".to_owned(),
        partition_key: "user-1".to_owned(),
        body: body.to_owned(),
        span: None,
    }
}

pub fn bodies(letters: &[Letter]) -> Vec<Vec<u8>> {
    letters.iter().map(|letter| letter.body.clone().into_bytes()).collect()
}

pub fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort_unstable();
    items
}

/// Publishes until it is told that all is safe.
#[cfg(any(feature = "servers", feature = "kafka"))]
pub async fn publish_surely(broker: &dyn messaging::broker::Broker, letters: &[Letter]) {
    use crate::wait::within_limit;
    let mut open = letters.to_vec();
    while !open.is_empty() {
        within_limit("a connection", broker.reachable().wait_for(|reachable| *reachable)).await.expect("not closed");
        let mut answers = broker.publish(&open).await.into_iter();
        open.retain(|_| answers.next().is_some_and(|answer| answer.is_err()));
        tokio::task::yield_now().await;
    }
}
