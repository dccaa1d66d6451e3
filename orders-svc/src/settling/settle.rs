//! The unit of work that steps the sagas of many orders at once: inbox keys, the orders' new states and what is asked of payments for
//! them, or nothing. Absent: deciding; the saga's one function does that.

use super::spans;
use crate::{
    metrics::OrderMetrics,
    order::{Order, order_columns},
    pushing::{Announcer, News},
};
use entities::orders::order::Model;
use messaging::{Letter, inbox, outbox, relay::Relay};
use saga::{
    Amount, MessageId, OrderId, TransactionId, UserId,
    order::{Effect, Event, State, Step, step},
};
use sea_orm::{DbErr, FromQueryResult};
use std::{collections::HashMap, future::Future, time::SystemTime};
use store::{Clock, Fault, Micros, Part, Rows, Sql, Store, Together};
use supervision::{Ask, Work};
use telemetry::{TraceContext, Tracer};

/// How often a transaction that met another instance's is tried again. Each time somebody got through.
const MOST_MEETINGS: u32 = 20;

static READ: Sql = Sql::over("id uuid", concat!("SELECT ", order_columns!(), " FROM orders WHERE id {any id}"));
static UPDATE: Sql = Sql::over(
    "id uuid, read int, status text, reason text?, version int, asked_at int, asked_by text?, refund uuid?",
    "UPDATE orders SET status = rows.status, reason = rows.reason, version = CAST(rows.version AS integer), updated_at = {1},
       cancel_requested_at = NULLIF(rows.asked_at, 0), cancel_cause = rows.asked_by,
       refund_transaction_id = rows.refund
     FROM {rows} WHERE orders.id = rows.id AND orders.version = rows.read",
);
/// Only if each order still has the version that was read.
static WRITE: Together<3> = Together::exact([&inbox::REMEMBER, &UPDATE, &outbox::APPEND], 1);

/// Something that happens to an order.
#[derive(Clone, Debug)]
pub struct Happening {
    /// The order.
    pub order_id: OrderId,
    /// Whose it is, as whoever says so sees it.
    pub user_id: UserId,
    /// What it means for the saga.
    pub event: Event,
    /// It happens to the order as it was at this version, and to no later one.
    pub version: Option<i32>,
    /// What came with payments' answer.
    pub answer: Option<Answer>,
    /// Settling is recorded below this.
    pub trace: Option<TraceContext>,
}

/// What payments says beyond the event.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The key of the inbox.
    pub message_id: MessageId,
    /// What the order costs, as payments saw it.
    pub amount: Amount,
    /// The entry that gave the money back.
    pub refund: Option<TransactionId>,
}

/// What a happening came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The order's saga went on.
    Changed,
    /// It had done so already, or waits for another answer.
    Unchanged,
    /// It is final otherwise, and stays so.
    Contradicted,
    /// It is final; nothing can be wished for any more.
    TooLate,
}

/// Why a happening came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// Too much is under way; nothing was done.
    #[error("too many orders are under way")]
    Overloaded,
    /// The work panicked; perhaps after the change was made.
    #[error("the work was interrupted")]
    Interrupted,
    /// The database is away; perhaps the change was made.
    #[error("the database is unavailable")]
    Unavailable,
    /// There is no such order.
    #[error("order {0} does not exist")]
    UnknownOrder(OrderId),
    /// The order has another owner or amount than is said.
    #[error("order {0} has another owner or amount")]
    Mismatch(OrderId),
    /// Anything else; nothing was done.
    #[error("{0}")]
    Failed(String),
}

/// The settling actor's work.
#[derive(Clone, Debug)]
pub struct Settling {
    /// The orders database.
    pub store: Store,
    /// Where requests go after the commit.
    pub relay: Relay,
    /// The time.
    pub clock: Clock,
    /// Counts, and how long orders took.
    pub metrics: OrderMetrics,
    /// Tells those who watch.
    pub announcer: Announcer,
    /// Takes a span of each order that is settled.
    pub tracer: Tracer,
}

impl Work for Settling {
    type Item = Ask<Happening, Result<Settled, SettleError>>;
    const NAME: &'static str = "settling";

    fn run(&self, batch: Vec<Self::Item>) -> impl Future<Output = ()> + 'static {
        let settling = self.clone();
        async move {
            let (replies, happenings): (Vec<_>, Vec<_>) = batch.into_iter().map(Ask::into_parts).unzip();
            let settled = settling.settle_apart(&happenings).await;
            for (reply, settled) in replies.into_iter().zip(settled) {
                reply.answer(settled);
            }
        }
    }
}

/// Why a transaction was given up.
enum GivenUp {
    /// Another instance changed one of the orders first.
    Met,
    Database(DbErr),
}

impl From<DbErr> for GivenUp {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

type Results = Vec<Result<Settled, SettleError>>;

impl Settling {
    /// Settles all of them together or, when one spoils the transaction for the others, each half by itself.
    async fn settle_apart(&self, happenings: &[Happening]) -> Results {
        match self.settle_met(happenings).await {
            Ok(settled) => settled,
            Err(SettleError::Failed(error)) if happenings.len() > 1 => {
                tracing::warn!(error, batch.size = happenings.len(), "a batch failed and is taken apart");
                let (left, right) = happenings.split_at(happenings.len() / 2);
                let mut settled = Box::pin(self.settle_apart(left)).await;
                settled.extend(Box::pin(self.settle_apart(right)).await);
                settled
            }
            Err(error) => vec![Err(error); happenings.len()],
        }
    }

    /// Settles, trying again whenever another instance was faster.
    async fn settle_met(&self, happenings: &[Happening]) -> Result<Results, SettleError> {
        for _ in 0..MOST_MEETINGS {
            let error = match self.settle_once(happenings).await {
                Ok(settled) => return Ok(settled),
                Err(GivenUp::Met) => continue,
                Err(GivenUp::Database(error)) => error,
            };
            match Fault::of(&error) {
                Fault::Contention => tracing::debug!(%error, "two units of work met"),
                Fault::Unavailable => {
                    tracing::warn!(%error, "settling cannot reach its database");
                    return Err(SettleError::Unavailable);
                }
                Fault::Constraint | Fault::Damaged | Fault::Defect => {
                    return Err(SettleError::Failed(error.to_string()));
                }
            }
        }
        Err(SettleError::Unavailable)
    }

    /// One look, and one transaction that writes only what has not changed since.
    async fn settle_once(&self, happenings: &[Happening]) -> Result<Results, GivenUp> {
        let (now, since) = (self.clock.now(), SystemTime::now());
        let stale = self.stale(happenings).await?;
        let mut orders = self.read(happenings).await?;
        take_back(&mut orders, stale);
        let mut letters = Vec::new();
        let settled: Results = happenings.iter().map(|one| self.settle(&mut orders, &mut letters, one, now)).collect();
        let mut changed: Vec<_> = orders.values().filter(|one| one.order.version != one.read).collect();
        // In one order on every instance: two of them wait for each other instead of locking each other out.
        changed.sort_by_key(|one| one.order.id.uuid());
        let lease = self.relay.lease(now);
        let keys = happenings.iter().filter_map(|one| Some(one.answer?.message_id.uuid()));
        let parts = [inbox::keys(keys, now), rows(&changed, now), outbox::rows(&letters, lease, now)];
        failpoints::point!("settling::before-commit", return Err(store::planted().into()));
        if !WRITE.commit(&self.store, parts).await? {
            return Err(GivenUp::Met);
        }
        failpoints::point!("settling::after-commit", return Err(store::planted().into()));
        self.relay.hand_over(letters, lease);
        self.tell(&settled, &changed, now);
        spans::committed(&self.tracer, happenings, &settled, since);
        self.announcer.announce(&news(happenings, &settled, &orders)).await;
        Ok(settled)
    }

    /// Broken: the orders as they were before they were read. A step from these that is written nevertheless overwrites another
    /// instance's.
    async fn stale(&self, happenings: &[Happening]) -> Result<HashMap<OrderId, Stepped>, DbErr> {
        if !failpoints::broken("rule::version") {
            return Ok(HashMap::new());
        }
        self.read(happenings).await
    }

    async fn read(&self, happenings: &[Happening]) -> Result<HashMap<OrderId, Stepped>, DbErr> {
        let ids = Rows::new().uuids(happenings.iter().map(|one| one.order_id.uuid()));
        let rows = READ.query(self.store.connection(), ids, Vec::new()).await?;
        let order = |row| {
            let order = Order::try_from(Model::from_query_result(row, "")?)?;
            Ok((order.id, Stepped { read: order.version, order }))
        };
        rows.iter().map(order).collect()
    }

    /// Steps one saga in memory.
    fn settle(
        &self,
        orders: &mut HashMap<OrderId, Stepped>,
        letters: &mut Vec<Letter>,
        happening: &Happening,
        now: Micros,
    ) -> Result<Settled, SettleError> {
        let Happening { order_id, user_id, event, version, answer, trace } = happening;
        let order = &mut orders.get_mut(order_id).ok_or(SettleError::UnknownOrder(*order_id))?.order;
        if order.draft.user_id != *user_id || answer.is_some_and(|answer| answer.amount != order.draft.amount) {
            return Err(SettleError::Mismatch(*order_id));
        }
        if version.is_some_and(|version| version != order.version) {
            return Ok(Settled::Unchanged);
        }
        let mut stepped = step(order.state, *event);
        // Broken: a final order takes another verdict, as if it had none.
        if stepped.is_err() && failpoints::broken("rule::final") {
            stepped = step(State::New, *event);
        }
        let (state, effects) = match stepped {
            Ok(Step::Changed(state, effects)) => (state, effects),
            Ok(Step::Unchanged) => return Ok(Settled::Unchanged),
            Ok(Step::TooLate) => return Ok(Settled::TooLate),
            Err(contradiction) => {
                tracing::warn!(order.id = %order_id, %contradiction, "payments contradicts itself");
                return Ok(Settled::Contradicted);
            }
        };
        (order.state, order.version, order.updated_at) = (state, order.version + 1, now);
        order.refund = answer.and_then(|answer| answer.refund);
        if let State::Cancelling(cause) = state {
            order.cancel_requested.get_or_insert((now, cause));
            if effects.contains(&Effect::RequestCancel) {
                letters.push(self.relay.seal(&order.cancel_request(cause), now, *trace));
            }
        }
        Ok(Settled::Changed)
    }

    fn tell(&self, settled: &Results, changed: &[&Stepped], now: Micros) {
        for order in changed.iter().map(|one| &one.order).filter(|order| order.state.is_final()) {
            self.metrics.became_final(order.state, now.since(order.created_at));
        }
        for _ in settled.iter().filter(|one| **one == Ok(Settled::Contradicted)) {
            self.metrics.contradicted();
        }
    }
}

/// An order, and the version that it had when it was read.
struct Stepped {
    order: Order,
    read: i32,
}

/// The orders to announce: those that changed, and those whose answer came again, as it does when an instance died between its commit
/// and its announcement.
fn news(happenings: &[Happening], settled: &Results, orders: &HashMap<OrderId, Stepped>) -> Vec<News> {
    let news = happenings.iter().zip(settled).filter_map(|(happening, settled)| {
        let order = &orders.get(&happening.order_id)?.order;
        match settled {
            Ok(Settled::Changed | Settled::Unchanged) if order.state.is_final() => {
                Some(News { order: order.clone(), trace: happening.trace })
            }
            Ok(_) | Err(_) => None,
        }
    });
    news.collect()
}

/// The orders in an older state, as if their versions were checked against that.
fn take_back(orders: &mut HashMap<OrderId, Stepped>, stale: HashMap<OrderId, Stepped>) {
    for (id, old) in stale {
        if let Some(one) = orders.get_mut(&id) {
            one.order = Order { version: one.read, ..old.order };
        }
    }
}

/// The new states.
fn rows(changed: &[&Stepped], now: Micros) -> Option<Part> {
    let orders = || changed.iter().map(|one| &one.order);
    let rows = || {
        Rows::new()
            .uuids(orders().map(|order| order.id.uuid()))
            .ints(changed.iter().map(|one| i64::from(one.read)))
            .texts(orders().map(|order| order.state.status().as_str()))
            .opt_texts(orders().map(|order| order.state.reason()))
            .ints(orders().map(|order| i64::from(order.version)))
            .ints(orders().map(|order| order.cancel_requested.map_or(0, |(at, _)| at.0)))
            .opt_texts(orders().map(|order| order.cancel_requested.map(|(_, by)| by.as_str())))
            .opt_uuids(orders().map(|order| order.refund.map(TransactionId::uuid)))
    };
    (!changed.is_empty()).then(|| Part { rows: rows(), values: vec![now.0.into()] })
}
