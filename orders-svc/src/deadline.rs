//! The payment deadline: an order that is not paid in time is wished to be cancelled, and payments decides.
//! Absent: a timer an order. What is due is in the orders themselves (`pay_before`), so it survives every restart and costs an order
//! at rest nothing; several instances that find the same order make the same wish, which the saga knows.

use crate::{
    frontier::{Frontier, look},
    reading::first_id_at,
    settling::{SettlingHandle, Wish},
};
use async_trait::async_trait;
use futures_util::future::join_all;
use saga::{
    OrderId, UserId,
    order::{CancelCause, Event},
};
use sea_orm::{DbErr, QueryResult};
use std::time::Duration;
use store::{Clock, Micros, Rows, Sql, Store};
use supervision::{Pause, Step};
use telemetry::TraceContext;
use tokio_util::sync::CancellationToken;

/// How often; an order is cancelled about that late.
const EVERY: Duration = Duration::from_secs(1);
/// Younger orders do not move the frontier: one with an older id may not be committed yet. No transaction lasts that long.
const YOUNG: Duration = Duration::from_secs(60);
/// Orders of one look: some milliseconds of settling.
const MOST: i64 = 500;
/// Every so many looks also orders are looked at that were placed when orders had to be paid sooner.
const THOROUGH: u32 = 60;

static OPEN: Sql = look!("status = 'NEW' AND cancel_requested_at IS NULL");
static DUE: Sql = Sql::new(
    "SELECT id, user_id FROM orders
     WHERE id >= {1} AND id < {2} AND status = 'NEW' AND cancel_requested_at IS NULL AND pay_before <= {3} ORDER BY id LIMIT {4}",
);

/// The look-out for orders that were not paid in time.
#[derive(Clone, Debug)]
pub struct Deadline {
    store: Store,
    clock: Clock,
    settling: SettlingHandle,
    /// How long orders that are placed now may wait.
    pay_within: Duration,
    frontier: Frontier,
    looks: u32,
}

impl Deadline {
    /// Begins with the very first order.
    pub fn new(store: Store, clock: Clock, settling: SettlingHandle, pay_within: Duration) -> Self {
        Self { store, clock, settling, pay_within, frontier: Frontier::new(&OPEN), looks: 0 }
    }

    /// Wishes that what is due be cancelled; says whether there may be more.
    async fn look(&mut self) -> Result<bool, DbErr> {
        let now = self.clock.now();
        self.frontier.first_open(&self.store, first_id_at(now.minus(self.pay_within.max(YOUNG)))).await?;
        let thorough = self.looks.is_multiple_of(THOROUGH);
        self.looks = self.looks.wrapping_add(1);
        let end = if thorough { now } else { now.minus(self.pay_within) };
        let values = vec![self.frontier.at().into(), past(end).into(), now.0.into(), MOST.into()];
        let rows = DUE.query(self.store.connection(), Rows::new(), values).await?;
        let wishes = rows.iter().map(wish).collect::<Result<Vec<_>, _>>()?;
        let more = i64::try_from(wishes.len()) == Ok(MOST);
        for outcome in join_all(wishes.into_iter().map(|wish| self.settling.wish(wish))).await {
            // Whatever was not recorded is due at the next look as well.
            if let Err(error) = outcome {
                tracing::warn!(%error, "an order that was not paid in time could not be cancelled yet");
                return Ok(false);
            }
        }
        Ok(more)
    }
}

/// The first id behind that time's.
fn past(time: Micros) -> uuid::Uuid {
    first_id_at(time.plus(Duration::from_millis(1)))
}

fn wish(row: &QueryResult) -> Result<Wish, DbErr> {
    let user_id = UserId::parse(row.try_get::<String>("", "user_id")?);
    Ok(Wish {
        order_id: OrderId::new(row.try_get("", "id")?),
        user_id: user_id.map_err(|error| DbErr::Type(error.to_string()))?,
        event: Event::CancelRequested(CancelCause::Deadline),
        trace: TraceContext::unsampled(),
    })
}

#[async_trait(?Send)]
impl Step for Deadline {
    async fn step(&mut self, _: &CancellationToken) -> Pause {
        match self.look().await {
            Ok(true) => Pause::None,
            Ok(false) => Pause::For(EVERY),
            Err(error) => {
                tracing::warn!(%error, "orders that were not paid in time cannot be looked for");
                Pause::For(EVERY)
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
