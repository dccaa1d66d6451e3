//! The unit of work that settles many orders at once: inbox keys and the orders' new states, or nothing.
//! Absent: deciding; the saga's one function does that.

use super::spans;
use crate::{
    metrics::OrderMetrics,
    order::Order,
    pace::Pace,
    pushing::{Announcer, News},
};
use entities::orders::order::Model;
use messaging::inbox;
use saga::{
    Amount, MessageId, OrderId, UserId,
    order::{Effect, Event, Step, step},
};
use sea_orm::{DbErr, FromQueryResult};
use std::{collections::HashMap, future::Future, time::SystemTime};
use store::{Clock, Fault, Micros, Part, Rows, Sql, Store, Together, Tx};
use supervision::{Ask, Work};
use telemetry::{TraceContext, Tracer};

/// How often a transaction that met another instance's is tried again. Each time somebody got through.
const MOST_MEETINGS: u32 = 20;

// In the order of the ids on every instance, so that two of them wait for each other instead of locking each other out.
static LOCK: Sql =
    Sql::over("id uuid", "SELECT * FROM orders WHERE id IN (SELECT id FROM {rows}) ORDER BY id {for update}");
static UPDATE: Sql = Sql::over(
    "id uuid, status text, reason text?, version int",
    "UPDATE orders SET status = rows.status, reason = rows.reason, version = CAST(rows.version + 1 AS integer), updated_at = {1}
     FROM {rows} WHERE orders.id = rows.id AND orders.version = rows.version",
);
static WRITE: Together<2> = Together::of([&inbox::REMEMBER, &UPDATE]);

/// What payments answered about an order.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The key of the inbox.
    pub message_id: MessageId,
    /// The order.
    pub order_id: OrderId,
    /// Whose it is, as payments saw it.
    pub user_id: UserId,
    /// What it costs, as payments saw it.
    pub amount: Amount,
    /// What it means for the saga.
    pub event: Event,
    /// Settling is recorded below this.
    pub trace: Option<TraceContext>,
}

/// What an answer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The order is final now.
    Changed,
    /// It was so already.
    Unchanged,
    /// It is final otherwise, and stays so.
    Contradicted,
}

/// Why an answer came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// The database is away; perhaps the change was made.
    #[error("the database is unavailable")]
    Unavailable,
    /// There is no such order.
    #[error("order {0} does not exist")]
    UnknownOrder(OrderId),
    /// The order has another owner or amount than the answer says.
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
    /// The time.
    pub clock: Clock,
    /// Counts, and how long orders took.
    pub metrics: OrderMetrics,
    /// Tells those who watch.
    pub announcer: Announcer,
    /// Hears how late the orders are.
    pub pace: Pace,
    /// Takes a span of each order that is settled.
    pub tracer: Tracer,
}

impl Work for Settling {
    type Item = Ask<Answer, Result<Settled, SettleError>>;
    const NAME: &'static str = "settling";

    fn run(&self, batch: Vec<Self::Item>) -> impl Future<Output = ()> + 'static {
        let settling = self.clone();
        async move {
            let (replies, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(Ask::into_parts).unzip();
            let settled = settling.settle_apart(&answers).await;
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
    async fn settle_apart(&self, answers: &[Answer]) -> Results {
        match self.settle_met(answers).await {
            Ok(settled) => settled,
            Err(SettleError::Failed(error)) if answers.len() > 1 => {
                tracing::warn!(error, batch.size = answers.len(), "a batch failed and is taken apart");
                let (left, right) = answers.split_at(answers.len() / 2);
                let mut settled = Box::pin(self.settle_apart(left)).await;
                settled.extend(Box::pin(self.settle_apart(right)).await);
                settled
            }
            Err(error) => vec![Err(error); answers.len()],
        }
    }

    /// Settles, trying again whenever another instance was faster.
    async fn settle_met(&self, answers: &[Answer]) -> Result<Results, SettleError> {
        for _ in 0..MOST_MEETINGS {
            let error = match self.settle_once(answers).await {
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
                Fault::Constraint | Fault::Defect => return Err(SettleError::Failed(error.to_string())),
            }
        }
        Err(SettleError::Unavailable)
    }

    /// One transaction.
    async fn settle_once(&self, answers: &[Answer]) -> Result<Results, GivenUp> {
        let (now, since) = (self.clock.now(), SystemTime::now());
        let tx = self.store.begin().await?;
        let mut orders = lock(&tx, answers).await?;
        let mut changed = Vec::new();
        let settled: Results = answers.iter().map(|answer| settle(&mut orders, &mut changed, answer, now)).collect();
        let keys = inbox::keys(answers.iter().map(|answer| answer.message_id.uuid()), now);
        let [_, written] = WRITE.execute(&*tx, [keys, rows(&changed, now)]).await?;
        if written != u64::try_from(changed.len()).unwrap_or(u64::MAX) {
            return Err(GivenUp::Met);
        }
        fail::fail_point!("settling::before-commit");
        tx.commit().await?;
        fail::fail_point!("settling::after-commit");
        self.tell(&settled, &changed, now);
        spans::committed(&self.tracer, answers, &settled, since);
        self.announcer.announce(&news(answers, &settled, &orders)).await;
        Ok(settled)
    }

    fn tell(&self, settled: &Results, changed: &[Order], now: Micros) {
        self.pace.settled(changed.iter().map(|order| now.since(order.created_at)));
        for order in changed {
            self.metrics.became_final(order.state, now.since(order.created_at));
        }
        for _ in settled.iter().filter(|one| **one == Ok(Settled::Contradicted)) {
            self.metrics.contradicted();
        }
    }
}

/// The orders to announce: those that changed, and those whose answer came again, as it does when an instance died between its commit
/// and its announcement.
fn news(answers: &[Answer], settled: &Results, orders: &HashMap<OrderId, Order>) -> Vec<News> {
    let news = answers.iter().zip(settled).filter_map(|(answer, settled)| {
        let order = orders.get(&answer.order_id)?;
        match settled {
            Ok(Settled::Changed | Settled::Unchanged) => Some(News { order: order.clone(), trace: answer.trace }),
            Ok(Settled::Contradicted) | Err(_) => None,
        }
    });
    news.collect()
}

async fn lock(tx: &Tx, answers: &[Answer]) -> Result<HashMap<OrderId, Order>, DbErr> {
    let ids = Rows::new().uuids(answers.iter().map(|answer| answer.order_id.uuid()));
    let rows = LOCK.query(&**tx, ids, Vec::new()).await?;
    let order = |row| Order::try_from(Model::from_query_result(row, "")?).map(|order| (order.id, order));
    rows.iter().map(order).collect()
}

/// Steps one saga in memory. An order that changes is put with the `changed` ones, its version there still the one that is stored.
fn settle(
    orders: &mut HashMap<OrderId, Order>,
    changed: &mut Vec<Order>,
    answer: &Answer,
    now: Micros,
) -> Result<Settled, SettleError> {
    let order = orders.get_mut(&answer.order_id).ok_or(SettleError::UnknownOrder(answer.order_id))?;
    if (&order.draft.user_id, order.draft.amount) != (&answer.user_id, answer.amount) {
        return Err(SettleError::Mismatch(answer.order_id));
    }
    match step(order.state, answer.event) {
        Ok(Step::Changed(state, effects)) => {
            debug_assert_eq!(effects, [Effect::AnnounceChange], "the only effect of settling");
            order.state = state;
            changed.push(order.clone());
            order.version += 1;
            order.updated_at = now;
            Ok(Settled::Changed)
        }
        Ok(Step::Unchanged) => Ok(Settled::Unchanged),
        Err(contradiction) => {
            tracing::warn!(order.id = %answer.order_id, message.id = %answer.message_id, %contradiction, "payments contradicts itself");
            Ok(Settled::Contradicted)
        }
    }
}

/// The new states.
fn rows(changed: &[Order], now: Micros) -> Option<Part> {
    let rows = || {
        Rows::new()
            .uuids(changed.iter().map(|order| order.id.uuid()))
            .texts(changed.iter().map(|order| order.state.status()))
            .opt_texts(changed.iter().map(|order| order.state.reason()))
            .ints(changed.iter().map(|order| i64::from(order.version)))
    };
    (!changed.is_empty()).then(|| Part { rows: rows(), values: vec![now.0.into()] })
}
