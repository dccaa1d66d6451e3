//! Payments' answers to cancels that are overdue: payments is asked again, less and less often, until it answers.
//! Absent: the first request. The outbox sees to it that the broker gets that one; this is for a broker that confirmed it, or the
//! answer, and lost it. Without this such an order would be NEW for ever.

use crate::settling::{SettlingHandle, Wish};
use async_trait::async_trait;
use futures_util::future::join_all;
use saga::{OrderId, UserId, order::Event};
use sea_orm::{DbErr, QueryResult};
use std::time::Duration;
use store::{Clock, Micros, Rows, Sql, Store};
use supervision::{Pause, Step};
use telemetry::TraceContext;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often.
const EVERY: Duration = Duration::from_secs(10);
/// An answer takes milliseconds. After that long, and then each time after twice the time so far, payments is asked again.
const SILENCE: Duration = Duration::from_secs(60);
/// Orders of one look.
const MOST: i64 = 500;
/// Cancels that one statement walks past to find the first that is not decided.
const PART: i64 = 20_000;

/// The first cancel that is not decided or, when all of the part are, the last one.
static FIRST_OPEN: Sql = Sql::new(
    "WITH part AS (SELECT cancel_requested_at AS at, CASE WHEN status = 'NEW' THEN 1 ELSE 0 END AS open FROM orders
       WHERE cancel_requested_at IS NOT NULL AND cancel_requested_at >= {1} AND cancel_requested_at <= {2}
       ORDER BY cancel_requested_at LIMIT {3})
     SELECT at, open FROM part WHERE open = 1 OR at = (SELECT MAX(at) FROM part) ORDER BY at, open DESC LIMIT 1",
);
static OVERDUE: Sql = Sql::new(
    "SELECT id, user_id, version FROM orders
     WHERE cancel_requested_at IS NOT NULL AND cancel_requested_at >= {1} AND cancel_requested_at <= {2} AND status = 'NEW'
       AND updated_at <= {2} AND updated_at - cancel_requested_at <= {3} - updated_at
     ORDER BY cancel_requested_at LIMIT {4}",
);

/// The look-out for cancels that payments is silent about.
#[derive(Clone, Debug)]
pub struct Overdue {
    store: Store,
    clock: Clock,
    settling: SettlingHandle,
    broker: watch::Receiver<bool>,
    /// Every cancel that was requested before is decided.
    decided_until: Micros,
}

impl Overdue {
    /// Begins with the very first cancel.
    pub fn new(store: Store, clock: Clock, settling: SettlingHandle, broker: watch::Receiver<bool>) -> Self {
        Self { store, clock, settling, broker, decided_until: Micros::EPOCH }
    }

    /// Has payments asked again where it is time to; says whether there may be more.
    async fn look(&mut self) -> Result<bool, DbErr> {
        let now = self.clock.now();
        let silent = now.minus(failpoints::instead_of("overdue::silence", SILENCE));
        if !self.walk(silent).await? {
            return Ok(true);
        }
        let values = vec![self.decided_until.0.into(), silent.0.into(), now.0.into(), MOST.into()];
        let rows = OVERDUE.query(self.store.connection(), Rows::new(), values).await?;
        let wishes = rows.iter().map(wish).collect::<Result<Vec<_>, _>>()?;
        if !wishes.is_empty() {
            tracing::info!(orders = wishes.len(), "payments is silent about cancels and is asked again");
        }
        let found = !wishes.is_empty();
        failpoints::point!("overdue::before-wish", found, return Err(store::planted()));
        let outcomes = join_all(wishes.into_iter().map(|wish| self.settling.wish(wish))).await;
        failpoints::point!("overdue::after-wish", found, return Err(store::planted()));
        for outcome in outcomes {
            if let Err(error) = outcome {
                tracing::warn!(%error, "payments could not be asked again yet");
            }
        }
        Ok(false)
    }

    /// Walks one part past what is decided; says whether the first cancel that is not, or the end, is reached. Cancels requested until
    /// `end` are committed by now.
    async fn walk(&mut self, end: Micros) -> Result<bool, DbErr> {
        let values = vec![self.decided_until.0.into(), end.0.into(), PART.into()];
        let rows = FIRST_OPEN.query(self.store.connection(), Rows::new(), values).await?;
        let Some(row) = rows.first() else { return Ok(true) };
        let before = std::mem::replace(&mut self.decided_until, Micros(row.try_get("", "at")?));
        Ok(row.try_get::<i32>("", "open")? == 1 || before == self.decided_until)
    }
}

fn wish(row: &QueryResult) -> Result<Wish, DbErr> {
    let user_id = UserId::parse(row.try_get::<String>("", "user_id")?);
    Ok(Wish {
        order_id: OrderId::new(row.try_get("", "id")?),
        user_id: user_id.map_err(|error| DbErr::Type(error.to_string()))?,
        event: Event::AnswerOverdue,
        // Another instance may have seen the same silence.
        version: Some(row.try_get("", "version")?),
        trace: TraceContext::unsampled(),
    })
}

#[async_trait(?Send)]
impl Step for Overdue {
    async fn step(&mut self, _: &CancellationToken) -> Pause {
        // While the broker is away the request may well be in the outbox still; more of them would only pile up.
        if !*self.broker.borrow() {
            return Pause::For(EVERY);
        }
        match self.look().await {
            Ok(true) => Pause::None,
            Ok(false) => Pause::For(failpoints::instead_of("overdue::every", EVERY)),
            Err(error) => {
                tracing::warn!(%error, "cancels that payments is silent about cannot be looked for");
                Pause::For(failpoints::instead_of("overdue::every", EVERY))
            }
        }
    }
}

#[cfg(test)]
mod tests;
