//! The payment deadline: an order that is not paid in time is wished to be cancelled, and payments decides.
//! Absent: a timer an order. What is due is in the orders themselves (`pay_before`), so it survives every restart and costs an order
//! at rest nothing; several instances that find the same order make the same wish, which the saga knows.

use crate::{
    frontier::{FirstOpen, Frontier, look},
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
use uuid::Uuid;

/// How often; an order is cancelled about that late.
const EVERY: Duration = Duration::from_secs(1);
/// Younger orders do not move the frontier: one with an older id may not be committed yet. No transaction lasts that long.
const YOUNG: Duration = Duration::from_secs(60);
/// Orders that one look reads at most: a millisecond or two.
const MOST: i64 = 500;
/// After so many looks without a rest, one second's rest more. Whatever holds the frontier back, looking costs a few per cent of one
/// connection.
const LOOKS_A_SECOND: u32 = 50;
/// Every so many times also orders are looked at that were placed when orders had to be paid sooner.
const THOROUGH: u32 = 60;
/// What payments had answered while this instance could not work is settled before anything is found to be late.
pub(crate) const ANSWERS_FIRST: Duration = Duration::from_secs(60);

static OPEN: Sql = look!("status = 'NEW' AND cancel_requested_at IS NULL");
/// The due orders of one part, and its last order, due or not.
static DUE: Sql = Sql::new(
    "WITH part AS (SELECT id, user_id,
         CASE WHEN status = 'NEW' AND cancel_requested_at IS NULL AND pay_before <= {3} THEN 1 ELSE 0 END AS due
       FROM orders WHERE id >= {1} AND id < {2} ORDER BY id LIMIT {4})
     SELECT id, user_id, due, (SELECT count(*) FROM part) AS orders FROM part
     WHERE due = 1 OR id = (SELECT id FROM part ORDER BY id DESC LIMIT 1) ORDER BY id",
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
    /// Times that everything was looked at.
    times: u32,
    /// The time that is not over yet.
    under_way: Option<UnderWay>,
    /// How long to wait at the beginning, and after a failure.
    patience: Duration,
    patient: bool,
}

/// Where a time of looking at everything has come to.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    at: Uuid,
    end: Uuid,
    looks: u32,
}

/// What a look leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// There may be more.
    More,
    /// Everything was looked at, with so many looks.
    Nothing(u32),
}

impl Deadline {
    /// Begins with the very first order.
    pub fn new(store: Store, clock: Clock, settling: SettlingHandle, pay_within: Duration) -> Self {
        let frontier = Frontier::new(&OPEN);
        let (patience, patient) = (Duration::ZERO, false);
        Self { store, clock, settling, pay_within, frontier, times: 0, under_way: None, patience, patient }
    }

    /// Waits that long before the first look, and before the first one after a failure.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Looks at one part, and wishes that what is due in it be cancelled.
    async fn look(&mut self) -> Result<Left, DbErr> {
        let now = self.clock.now();
        let UnderWay { at, end, looks } = match self.under_way.take() {
            Some(under_way) => under_way,
            None => match self.begin(now).await? {
                Some(under_way) => under_way,
                None => return Ok(Left::More),
            },
        };
        let values = vec![at.into(), end.into(), now.0.into(), MOST.into()];
        let rows = DUE.query(self.store.connection(), Rows::new(), values).await?;
        let wishes = rows.iter().filter_map(|row| wish(row).transpose()).collect::<Result<Vec<_>, _>>()?;
        let found = !wishes.is_empty();
        failpoints::point!("deadline::before-wish", found, return Err(store::planted()));
        let outcomes = join_all(wishes.into_iter().map(|wish| self.settling.wish(wish))).await;
        failpoints::point!("deadline::after-wish", found, return Err(store::planted()));
        for outcome in outcomes {
            // Whatever was not recorded is due the next time as well.
            if let Err(error) = outcome {
                tracing::warn!(%error, "an order that was not paid in time could not be cancelled yet");
            }
        }
        let looks = looks + 1;
        match rows.last() {
            Some(last) if last.try_get::<i64>("", "orders")? == MOST => {
                self.under_way = Some(UnderWay { at: last.try_get("", "id")?, end, looks });
                Ok(Left::More)
            }
            Some(_) | None => Ok(Left::Nothing(looks)),
        }
    }

    /// Begins to look at everything behind the frontier, unless that has still to arrive.
    async fn begin(&mut self, now: Micros) -> Result<Option<UnderWay>, DbErr> {
        let done_with = first_id_at(now.minus(self.pay_within.max(YOUNG)));
        if matches!(self.frontier.first_open(&self.store, done_with).await?, FirstOpen::NotYet) {
            return Ok(None);
        }
        let thorough = self.times.is_multiple_of(THOROUGH);
        self.times = self.times.wrapping_add(1);
        let end = past(if thorough { now } else { now.minus(self.pay_within) });
        Ok(Some(UnderWay { at: self.frontier.at(), end, looks: 0 }))
    }
}

/// The first id behind that time's.
fn past(time: Micros) -> Uuid {
    first_id_at(time.plus(Duration::from_millis(1)))
}

/// The wish that follows from a row, if its order is due.
fn wish(row: &QueryResult) -> Result<Option<Wish>, DbErr> {
    if row.try_get::<i32>("", "due")? == 0 {
        return Ok(None);
    }
    let user_id = UserId::parse(row.try_get::<String>("", "user_id")?);
    Ok(Some(Wish {
        order_id: OrderId::new(row.try_get("", "id")?),
        user_id: user_id.map_err(|error| DbErr::Type(error.to_string()))?,
        event: Event::CancelRequested(CancelCause::Deadline),
        version: None,
        trace: TraceContext::unsampled(),
    }))
}

#[async_trait(?Send)]
impl Step for Deadline {
    async fn step(&mut self, _: &CancellationToken) -> Pause {
        if !self.patient && !self.patience.is_zero() {
            self.patient = true;
            return Pause::For(self.patience);
        }
        match self.look().await {
            Ok(Left::More) => Pause::None,
            Ok(Left::Nothing(looks)) => Pause::For(EVERY * (1 + looks / LOOKS_A_SECOND)),
            Err(error) => {
                tracing::warn!(%error, "orders that were not paid in time cannot be looked for");
                self.patient = false;
                Pause::For(EVERY)
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
