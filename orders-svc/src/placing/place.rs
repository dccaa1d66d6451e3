//! The unit of work that places many orders at once: orders, their requests to payments and their idempotency keys, or nothing.
//! Absent: a table of answers; a repeated request's answer is the order itself as it was placed.

use super::Draft;
use crate::{
    mark::Mark,
    order::{Order, OrderDraft, order_columns},
    under_way::UnderWay,
};
use entities::orders::order::Model;
use messaging::{Letter, outbox, relay::Relay};
use saga::{Currency, OrderId};
use sea_orm::{DbBackend, DbErr, FromQueryResult, QueryResult};
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    time::Duration,
};
use store::{Clock, Fault, Micros, Rows, Sql, Store};
use supervision::{Ask, Work};
use uuid::Uuid;

/// How often a transaction that met another instance's is tried again. Each time somebody got through.
const MOST_MEETINGS: u32 = 20;

macro_rules! insert_orders {
    () => {
        "INSERT INTO orders (id, user_id, amount_minor, currency, description, status, version, created_at, updated_at, pay_before, idempotency_key)
         SELECT id, user_id, amount, {1}, description, {2}, 1, created_at, created_at, pay_before, key FROM {rows} WHERE true
         ON CONFLICT DO NOTHING RETURNING id"
    };
}
static INSERT: Sql = Sql::over(
    "id uuid, user_id text, amount int, description text?, created_at int, pay_before int, key text?",
    insert_orders!(),
);
/// PostgreSQL only: the orders whose key is new with their requests, a transaction in one trip. `IS TRUE` keeps the planner from making
/// a join of it, which without hash joins (decision 11) would compare each row with each.
static PLACE: Sql = Sql::over(
    "id uuid, user_id text, amount int, description text?, created_at int, pay_before int, key text?, letter uuid, routing_key text, partition_key text, body text",
    concat!(
        "WITH placed AS (",
        insert_orders!(),
        "), requested AS (
           INSERT INTO outbox (id, routing_key, partition_key, body, lease_until, created_at)
           SELECT letter, routing_key, partition_key, body, {3}, created_at FROM {rows}
           WHERE (id IN (SELECT id FROM placed)) IS TRUE)
         SELECT id FROM placed"
    ),
);
static BY_KEY: Sql = Sql::over(
    "user_id text, key text",
    concat!(
        "SELECT ",
        order_columns!(),
        " FROM orders JOIN {rows} ON rows.user_id = orders.user_id AND rows.key = orders.idempotency_key
         WHERE orders.idempotency_key IS NOT NULL"
    ),
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

/// What becomes of a draft.
pub type Answer = Result<Placed, PlaceError>;

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
    /// Says of an order that this instance has placed it.
    pub mark: Mark,
    /// What was placed and is not final.
    pub under_way: UnderWay,
}

impl Work for Placing {
    type Item = Ask<Draft, Answer>;
    const NAME: &'static str = "placing";

    fn run(&self, batch: Vec<Self::Item>) -> impl Future<Output = ()> + 'static {
        let placing = self.clone();
        async move {
            let (replies, drafts): (Vec<_>, Vec<_>) = batch.into_iter().map(Ask::into_parts).unzip();
            let answers = placing.place_apart(&drafts).await;
            for (reply, answer) in replies.into_iter().zip(answers) {
                reply.answer(answer);
            }
        }
    }

    fn worth(&self, waiting: usize) -> usize {
        self.under_way.worth(waiting)
    }

    fn news(&self) -> impl Future<Output = ()> + 'static {
        self.under_way.news()
    }
}

impl Placing {
    /// Places all of them together or, when one spoils the transaction for the others, each half by itself.
    async fn place_apart(&self, drafts: &[Draft]) -> Vec<Answer> {
        match self.place_met(drafts).await {
            Ok(answers) => answers,
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
    async fn place_met(&self, drafts: &[Draft]) -> Result<Vec<Answer>, PlaceError> {
        for _ in 0..MOST_MEETINGS {
            let error = match self.place_once(drafts).await {
                Ok(placed) => return Ok(placed),
                Err(error) => error,
            };
            if Fault::of(&error) != Fault::Contention {
                return Err(failure(&error));
            }
            tracing::debug!(%error, "two units of work met");
        }
        Err(PlaceError::Unavailable)
    }

    /// One transaction. Fails only when nothing is known to be placed: whoever tries again must not place twice.
    async fn place_once(&self, drafts: &[Draft]) -> Result<Vec<Answer>, DbErr> {
        let now = self.clock.now();
        let pay_before = now.plus(self.pay_within);
        let order = |draft: &Draft| {
            let mut draft = draft.order.clone();
            // Broken: a request that comes again makes another order.
            if failpoints::broken("rule::idempotency-key") {
                draft.idempotency_key = None;
            }
            Order::place(self.mark.order_id(), draft, self.currency, now, pay_before)
        };
        let orders: Vec<_> = drafts.iter().map(order).collect();
        let request = |(order, draft): (&Order, &Draft)| {
            let letter = self.relay.seal(&order.payment_request(), now, Some(draft.trace));
            (order.id.uuid(), letter)
        };
        let requests: Vec<_> = orders.iter().zip(drafts).map(request).collect();
        let lease = self.relay.lease(now);
        let inserted = self.insert(&orders, &requests, lease, now).await?;
        self.under_way.placed(inserted.iter().copied().map(OrderId::new).collect());
        let letters = requests.into_iter().filter(|(order, _)| inserted.contains(order)).map(|(_, letter)| letter);
        self.relay.hand_over(letters.collect(), lease);
        let earlier = by_key(&self.store, &orders, &inserted).await.map_err(|error| failure(&error));
        let earlier = |order: &Order| match &earlier {
            Ok(earlier) => Ok(key(&order.draft).and_then(|key| earlier.get(&owned(key)))),
            Err(error) => Err(error.clone()),
        };
        let answer = |order: Order| {
            if inserted.contains(&order.id.uuid()) {
                return Ok(Placed::New(order));
            }
            match earlier(&order)? {
                Some(earlier) if earlier.draft == order.draft => Ok(Placed::Replayed(earlier.clone().as_placed())),
                Some(_) => Ok(Placed::KeyReused),
                None => Err(PlaceError::Failed(format!("order {} was neither inserted nor there", order.id))),
            }
        };
        Ok(orders.into_iter().map(answer).collect())
    }

    /// Makes the orders whose key is new durable, with their requests, and returns their ids. A key that another instance is
    /// inserting right now is waited for.
    async fn insert(
        &self,
        orders: &[Order],
        requests: &[(Uuid, Letter)],
        lease: Micros,
        now: Micros,
    ) -> Result<HashSet<Uuid>, DbErr> {
        // Keys in one order on every instance: two of them wait for each other instead of locking each other out.
        let mut made: Vec<_> = orders.iter().zip(requests.iter().map(|(_, letter)| letter)).collect();
        made.sort_by(|(a, _), (b, _)| key(&a.draft).cmp(&key(&b.draft)));
        let mut values = vec![self.currency.as_str().into(), saga::order::START.0.status().as_str().into()];
        let ids = |rows: Vec<QueryResult>| rows.iter().map(|row| row.try_get("", "id")).collect();
        // Broken: the requests are handed over in memory only.
        let requested = !failpoints::broken("rule::outbox-in-transaction");
        if self.store.backend() == DbBackend::Postgres && requested {
            values.push(lease.0.into());
            // Nothing has been sent by then: the statement is the whole transaction.
            failpoints::point!("placing::before-commit", return Err(store::planted()));
            let placed = PLACE.query(self.store.connection(), with_requests(columns(&made), &made), values).await?;
            failpoints::point!("placing::after-commit", return Err(store::planted()));
            return ids(placed);
        }
        let tx = self.store.begin().await?;
        let inserted: HashSet<_> = ids(INSERT.query(&tx, columns(&made), values).await?)?;
        let fresh = requests.iter().filter(|(order, _)| requested && inserted.contains(order));
        outbox::append(&tx, &fresh.map(|(_, letter)| letter.clone()).collect::<Vec<_>>(), lease, now).await?;
        failpoints::point!("placing::before-commit", return Err(store::planted()));
        tx.commit().await?;
        failpoints::point!("placing::after-commit", return Err(store::planted()));
        Ok(inserted)
    }
}

fn columns(made: &[(&Order, &Letter)]) -> Rows {
    let orders = || made.iter().map(|(order, _)| order);
    Rows::new()
        .uuids(orders().map(|order| order.id.uuid()))
        .texts(orders().map(|order| order.draft.user_id.as_str()))
        .ints(orders().map(|order| order.draft.amount.minor()))
        .opt_texts(orders().map(|order| order.draft.description.as_deref()))
        .ints(orders().map(|order| order.created_at.0))
        .ints(orders().map(|order| order.pay_before.0))
        .opt_texts(orders().map(|order| order.draft.idempotency_key.as_deref()))
}

fn with_requests(orders: Rows, made: &[(&Order, &Letter)]) -> Rows {
    let letters = || made.iter().map(|(_, letter)| letter);
    orders
        .uuids(letters().map(|letter| letter.id))
        .texts(letters().map(|letter| letter.routing_key.as_str()))
        .texts(letters().map(|letter| letter.partition_key.as_str()))
        .texts(letters().map(|letter| letter.body.as_str()))
}

type Key = (String, String);

fn key(draft: &OrderDraft) -> Option<(&str, &str)> {
    Some((draft.user_id.as_str(), draft.idempotency_key.as_deref()?))
}

fn owned((user, key): (&str, &str)) -> Key {
    (user.to_owned(), key.to_owned())
}

/// The orders that were made under the keys of those that were not inserted.
async fn by_key(store: &Store, orders: &[Order], inserted: &HashSet<Uuid>) -> Result<HashMap<Key, Order>, DbErr> {
    let refused = orders.iter().filter(|order| !inserted.contains(&order.id.uuid()));
    let keys: HashSet<_> = refused.filter_map(|order| key(&order.draft)).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = Rows::new().texts(keys.iter().map(|(user, _)| *user)).texts(keys.iter().map(|(_, key)| *key));
    let mut earlier = HashMap::new();
    for row in BY_KEY.query(store.connection(), rows, Vec::new()).await? {
        let order = Order::try_from(Model::from_query_result(&row, "")?)?;
        if let Some(key) = key(&order.draft) {
            earlier.insert(owned(key), order);
        }
    }
    Ok(earlier)
}

fn failure(error: &DbErr) -> PlaceError {
    match Fault::of(error) {
        Fault::Unavailable | Fault::Contention => {
            tracing::warn!(%error, "placing cannot reach its database");
            PlaceError::Unavailable
        }
        Fault::Constraint | Fault::Damaged | Fault::Defect => PlaceError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Shop;
    use sea_orm::ConnectionTrait;

    /// A batch that is given up after its commit would be taken apart, and its orders placed once more.
    #[actix::test]
    async fn what_cannot_be_looked_up_after_the_commit_costs_its_own_answer_only() {
        let shop = Shop::open().await;
        let connection = shop.placing.store.connection();
        assert!(matches!(shop.place_with(&[Some("k")]).await[..], [Ok(Placed::New(_))]));
        let damage = "PRAGMA ignore_check_constraints = 1; UPDATE orders SET amount_minor = -1; PRAGMA ignore_check_constraints = 0";
        connection.execute_unprepared(damage).await.unwrap();
        let answers = shop.place_with(&[None, Some("k"), None]).await;
        let expected = matches!(answers[..], [Ok(Placed::New(_)), Err(PlaceError::Failed(_)), Ok(Placed::New(_))]);
        assert!(expected, "{answers:?}");
        let orders = Sql::new("SELECT id FROM orders").query(connection, Rows::new(), Vec::new()).await.unwrap();
        assert_eq!(orders.len(), 3);
    }
}
