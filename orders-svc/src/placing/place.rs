//! The unit of work that places many orders at once: orders, their requests to payments and their idempotency keys, or nothing.
//! Absent: a table of answers; a repeated request's answer is the order itself as it was placed.

use super::Draft;
use crate::{
    order::{Order, OrderDraft},
    pace::Pace,
};
use entities::orders::order::Model;
use messaging::{outbox, relay::Relay};
use saga::{Currency, OrderId};
use sea_orm::{DbErr, FromQueryResult};
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    time::Duration,
};
use store::{Clock, Fault, Rows, Sql, Store, Tx};
use supervision::{Ask, Work};
use uuid::Uuid;

/// How often a transaction that met another instance's is tried again. Each time somebody got through.
const MOST_MEETINGS: u32 = 20;

static INSERT: Sql = Sql::over(
    "id uuid, user_id text, amount int, description text?, created_at int, pay_before int, key text?",
    "INSERT INTO orders (id, user_id, amount_minor, currency, description, status, version, created_at, updated_at, pay_before, idempotency_key)
     SELECT id, user_id, amount, {1}, description, {2}, 1, created_at, created_at, pay_before, key FROM {rows} WHERE true
     ON CONFLICT DO NOTHING RETURNING id",
);
static BY_KEY: Sql = Sql::over(
    "user_id text, key text",
    "SELECT orders.* FROM orders JOIN {rows} ON rows.user_id = orders.user_id AND rows.key = orders.idempotency_key
     WHERE orders.idempotency_key IS NOT NULL",
);

/// A draft's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// A new order.
    New(Order),
    /// The order that the same request made before, as it was then.
    Replayed(Order),
    /// The key belongs to another request.
    KeyReused,
}

/// Why a draft has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Too much is under way; nothing was done.
    #[error("too many orders are under way")]
    Overloaded,
    /// The database is away; perhaps the order was made and the answer lost.
    #[error("the database is unavailable")]
    Unavailable,
    /// The work panicked; perhaps after the order was made.
    #[error("the work was interrupted")]
    Interrupted,
    /// Anything else; nothing was done.
    #[error("{0}")]
    Failed(String),
}

/// The placing actor's work.
#[derive(Clone, Debug)]
pub struct Placing {
    /// The orders database.
    pub store: Store,
    /// Where requests go after the commit.
    pub relay: Relay,
    /// The time.
    pub clock: Clock,
    /// The shop's currency.
    pub currency: Currency,
    /// How long an order may wait for its payment.
    pub pay_within: Duration,
    /// How fast orders are settled.
    pub pace: Pace,
}

impl Work for Placing {
    type Item = Ask<Draft, Result<Placed, PlaceError>>;
    const NAME: &'static str = "placing";

    fn run(&self, batch: Vec<Self::Item>) -> impl Future<Output = ()> + 'static {
        let placing = self.clone();
        async move {
            let (replies, drafts): (Vec<_>, Vec<_>) = batch.into_iter().map(Ask::into_parts).unzip();
            placing.pace.keep(drafts.len()).await;
            let answers = placing.place_apart(&drafts).await;
            for (reply, answer) in replies.into_iter().zip(answers) {
                reply.answer(answer);
            }
        }
    }
}

impl Placing {
    /// Places all of them together or, when one spoils the transaction for the others, each half by itself.
    async fn place_apart(&self, drafts: &[Draft]) -> Vec<Result<Placed, PlaceError>> {
        match self.place_met(drafts).await {
            Ok(placed) => placed.into_iter().map(Ok).collect(),
            Err(PlaceError::Failed(error)) if drafts.len() > 1 => {
                tracing::warn!(error, batch.size = drafts.len(), "a batch failed and is taken apart");
                let (left, right) = drafts.split_at(drafts.len() / 2);
                let mut answers = Box::pin(self.place_apart(left)).await;
                answers.extend(Box::pin(self.place_apart(right)).await);
                answers
            }
            Err(error) => vec![Err(error); drafts.len()],
        }
    }

    /// Places, trying again whenever two instances met.
    async fn place_met(&self, drafts: &[Draft]) -> Result<Vec<Placed>, PlaceError> {
        for _ in 0..MOST_MEETINGS {
            let error = match self.place_once(drafts).await {
                Ok(placed) => return Ok(placed),
                Err(error) => error,
            };
            match Fault::of(&error) {
                Fault::Contention => tracing::debug!(%error, "two units of work met"),
                Fault::Unavailable => {
                    tracing::warn!(%error, "placing cannot reach its database");
                    return Err(PlaceError::Unavailable);
                }
                Fault::Constraint | Fault::Defect => return Err(PlaceError::Failed(error.to_string())),
            }
        }
        Err(PlaceError::Unavailable)
    }

    /// One transaction.
    async fn place_once(&self, drafts: &[Draft]) -> Result<Vec<Placed>, DbErr> {
        let now = self.clock.now();
        let pay_before = now.plus(self.pay_within);
        let order = |draft: &Draft| {
            Order::place(OrderId::new(Uuid::now_v7()), draft.order.clone(), self.currency, now, pay_before)
        };
        let orders: Vec<_> = drafts.iter().map(order).collect();
        let tx = self.store.begin().await?;
        let inserted = self.insert(&tx, &orders).await?;
        let earlier =
            if inserted.len() == orders.len() { HashMap::new() } else { by_key(&tx, &orders, &inserted).await? };
        let fresh = orders.iter().zip(drafts).filter(|(order, _)| inserted.contains(&order.id.uuid()));
        let letters: Vec<_> =
            fresh.map(|(order, draft)| self.relay.seal(&order.payment_request(), now, Some(draft.trace))).collect();
        let lease = self.relay.lease(now);
        outbox::append(&*tx, &letters, lease, now).await?;
        fail::fail_point!("placing::before-commit");
        tx.commit().await?;
        fail::fail_point!("placing::after-commit");
        self.relay.hand_over(letters, lease);
        orders.into_iter().map(|order| answer(order, &inserted, &earlier)).collect()
    }

    /// Inserts the orders whose key is new and returns their ids. A key that another instance is inserting right now is waited for.
    async fn insert(&self, tx: &Tx, orders: &[Order]) -> Result<HashSet<Uuid>, DbErr> {
        // Keys in one order on every instance: two of them wait for each other instead of locking each other out.
        let mut orders: Vec<_> = orders.iter().collect();
        orders.sort_by(|a, b| key(&a.draft).cmp(&key(&b.draft)));
        let rows = Rows::new()
            .uuids(orders.iter().map(|order| order.id.uuid()))
            .texts(orders.iter().map(|order| order.draft.user_id.as_str()))
            .ints(orders.iter().map(|order| order.draft.amount.minor()))
            .opt_texts(orders.iter().map(|order| order.draft.description.as_deref()))
            .ints(orders.iter().map(|order| order.created_at.0))
            .ints(orders.iter().map(|order| order.pay_before.0))
            .opt_texts(orders.iter().map(|order| order.draft.idempotency_key.as_deref()));
        let values = vec![self.currency.as_str().into(), saga::order::START.0.status().into()];
        let rows = INSERT.query(&**tx, rows, values).await?;
        rows.iter().map(|row| row.try_get("", "id")).collect()
    }
}

type Key = (String, String);

fn key(draft: &OrderDraft) -> Option<(&str, &str)> {
    Some((draft.user_id.as_str(), draft.idempotency_key.as_deref()?))
}

fn owned((user, key): (&str, &str)) -> Key {
    (user.to_owned(), key.to_owned())
}

/// The orders that were made under the keys of those that were not inserted.
async fn by_key(tx: &Tx, orders: &[Order], inserted: &HashSet<Uuid>) -> Result<HashMap<Key, Order>, DbErr> {
    let refused = orders.iter().filter(|order| !inserted.contains(&order.id.uuid()));
    let keys: HashSet<_> = refused.filter_map(|order| key(&order.draft)).collect();
    let rows = Rows::new().texts(keys.iter().map(|(user, _)| *user)).texts(keys.iter().map(|(_, key)| *key));
    let mut earlier = HashMap::new();
    for row in BY_KEY.query(&**tx, rows, Vec::new()).await? {
        let order = Order::try_from(Model::from_query_result(&row, "")?)?;
        if let Some(key) = key(&order.draft) {
            earlier.insert(owned(key), order);
        }
    }
    Ok(earlier)
}

fn answer(order: Order, inserted: &HashSet<Uuid>, earlier: &HashMap<Key, Order>) -> Result<Placed, DbErr> {
    if inserted.contains(&order.id.uuid()) {
        return Ok(Placed::New(order));
    }
    let earlier = key(&order.draft).and_then(|key| earlier.get(&owned(key)));
    let earlier =
        earlier.ok_or_else(|| DbErr::RecordNotFound(format!("order {} was neither inserted nor there", order.id)))?;
    Ok(if earlier.draft == order.draft { Placed::Replayed(earlier.clone().as_placed()) } else { Placed::KeyReused })
}
