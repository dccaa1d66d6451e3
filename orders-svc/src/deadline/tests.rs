//! The look-out on real databases, with a clock that goes when it is told to: what is wished for, how often, and what a look reads.
//! Absent: payments, whose answer decides; a wish is an outbox row here.

use super::*;
use crate::testing;
use entities::orders::order::{ActiveModel, Entity, Model};
use fixtures::database::{Kind, TestResult, open, with_database};
use prometheus_client::registry::Registry;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, Statement};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use supervision::Vitals;
use uuid::Uuid;

const NOW: Micros = Micros(1_800_000_000_000_000);
const PAY_WITHIN: Duration = Duration::from_secs(900);

/// A database with the clock of all instances on it.
pub(crate) struct Shop {
    url: String,
    pub store: Store,
    now: Arc<AtomicI64>,
}

impl Shop {
    pub async fn open(url: String) -> TestResult<Self> {
        let store = open(&url).await?;
        migration::orders::up(store.pool()).await?;
        Ok(Self { url, store, now: Arc::new(AtomicI64::new(NOW.0)) })
    }

    fn now(&self) -> Micros {
        Micros(self.now.load(Ordering::SeqCst))
    }

    pub fn pass(&self, time: Duration) {
        self.now.store(self.now().plus(time).0, Ordering::SeqCst);
    }

    /// The parts of one more instance's look-outs: a store of their own, the clock, the way to settling.
    pub async fn parts(&self) -> TestResult<(Store, Clock, SettlingHandle)> {
        let store = open(&self.url).await?;
        let now = self.now.clone();
        let clock = Clock::from_fn(move || Micros(now.load(Ordering::SeqCst)));
        let mut registry = Registry::default();
        let settling = testing::settling(&store, &testing::relay(&store, &clock), &clock);
        let settling = SettlingHandle::start(settling, &Vitals::new(&mut registry));
        Ok((open(&self.url).await?, clock, settling))
    }

    /// The look-out of one more instance, begun now.
    async fn instance(&self) -> TestResult<Deadline> {
        let (store, clock, settling) = self.parts().await?;
        Ok(Deadline::new(store, clock, settling, PAY_WITHIN))
    }

    /// Writes NEW orders, each placed so many seconds ago, to be paid within so many seconds.
    pub async fn place(&self, orders: impl IntoIterator<Item = (u64, u64)>) -> TestResult<Vec<Uuid>> {
        let row = |(number, (age, within)): (usize, (u64, u64))| {
            let placed = self.now().minus(Duration::from_secs(age));
            Model {
                id: Uuid::from_u128(first_id_at(placed).as_u128() + number as u128),
                user_id: "u".to_owned(),
                amount_minor: 100,
                currency: "RUB".to_owned(),
                description: None,
                status: "NEW".to_owned(),
                reason: None,
                version: 1,
                created_at: placed.0,
                updated_at: placed.0,
                pay_before: placed.plus(Duration::from_secs(within)).0,
                cancel_requested_at: None,
                cancel_cause: None,
                refund_transaction_id: None,
                idempotency_key: None,
            }
        };
        let rows: Vec<_> = orders.into_iter().enumerate().map(row).collect();
        let ids = rows.iter().map(|row| row.id).collect();
        for part in rows.chunks(500) {
            let part = part.iter().map(|row| ActiveModel::from(row.clone()).reset_all());
            Entity::insert_many(part).exec_without_returning(self.store.connection()).await?;
        }
        Ok(ids)
    }

    /// Has something else happen to an order.
    pub async fn change(&self, order: Uuid, columns: &str) -> TestResult {
        let id = match self.store.backend() {
            sea_orm::DbBackend::Sqlite => format!("x'{}'", order.simple()),
            _ => format!("'{order}'"),
        };
        let sql = format!("UPDATE orders SET {columns}, version = version + 1 WHERE id = {id}");
        self.store.connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    pub async fn order(&self, id: Uuid) -> TestResult<Model> {
        Ok(Entity::find_by_id(id).one(self.store.connection()).await?.ok_or("the order")?)
    }

    /// The orders that payments is asked to cancel, a mention for each request.
    pub async fn asked(&self) -> TestResult<Vec<Uuid>> {
        let sql = "SELECT body FROM outbox WHERE routing_key = 'payment.cancel-requested' ORDER BY id";
        let rows = self.store.connection().query_all_raw(Statement::from_string(self.store.backend(), sql)).await?;
        let mut asked = Vec::new();
        for row in rows {
            let letter: serde_json::Value = serde_json::from_str(&row.try_get::<String>("", "body")?)?;
            assert_eq!(letter["data"]["cause"], "payment_deadline", "{letter}");
            asked.push(letter["data"]["order_id"].as_str().ok_or("an order")?.parse()?);
        }
        asked.sort();
        Ok(asked)
    }

    /// The orders that a look begins with: from the frontier on, up to those that are too young.
    async fn left_to_look_at(&self, deadline: &Deadline) -> TestResult<i64> {
        let sql = Sql::new("SELECT count(*) AS orders FROM orders WHERE id >= {1} AND id < {2}");
        let end = first_id_at(self.now().minus(PAY_WITHIN));
        let rows =
            sql.query(self.store.connection(), Rows::new(), vec![deadline.frontier.at().into(), end.into()]).await?;
        Ok(rows.first().ok_or("a count")?.try_get("", "orders")?)
    }
}

async fn what_is_due_is_wished_for_once_and_what_is_settled_or_asked_for_is_left_alone(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let orders = shop.place([(1_000, 900), (999, 900), (998, 900), (997, 900), (10, 900)]).await?;
    let [due, paid, declined, unwanted, young] = orders[..] else { return Err("five orders".into()) };
    shop.change(paid, "status = 'FINISHED'").await?;
    shop.change(declined, "status = 'CANCELLED', reason = 'insufficient_funds'").await?;
    shop.change(unwanted, "cancel_requested_at = 1, cancel_cause = 'cancelled_by_user'").await?;
    let others = [paid, declined, unwanted, young];
    let mut before = Vec::new();
    for order in others {
        before.push(shop.order(order).await?);
    }
    let mut first = shop.instance().await?;
    assert_eq!(first.look().await?, Left::Nothing(1));
    let wished = shop.order(due).await?;
    assert_eq!((wished.status.as_str(), wished.version), ("NEW", 2), "payments decides");
    assert_eq!((wished.cancel_requested_at, wished.cancel_cause.as_deref()), (Some(NOW.0), Some("payment_deadline")));
    // Again by itself, by another one, and by one that begins after a restart.
    shop.pass(Duration::from_secs(1));
    let mut second = shop.instance().await?;
    for looking in [&mut first, &mut second, &mut shop.instance().await?] {
        assert_eq!(looking.look().await?, Left::Nothing(1));
    }
    assert_eq!(shop.asked().await?, [due]);
    assert_eq!(shop.order(due).await?, wished);
    for (order, before) in others.into_iter().zip(before) {
        assert_eq!(shop.order(order).await?, before);
    }
    Ok(())
}

async fn an_order_is_due_at_its_deadline_and_not_a_moment_sooner(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let mut deadline = shop.instance().await?;
    deadline.look().await?;
    let order = shop.place([(0, PAY_WITHIN.as_secs())]).await?;
    shop.pass(PAY_WITHIN - Duration::from_micros(1));
    deadline.look().await?;
    assert!(shop.asked().await?.is_empty());
    shop.pass(Duration::from_micros(1));
    deadline.look().await?;
    assert_eq!(shop.asked().await?, order);
    Ok(())
}

async fn an_order_that_became_due_while_nobody_ran_is_found_by_the_next(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let order = shop.place([(0, 900)]).await?;
    let mut before = shop.instance().await?;
    before.look().await?;
    drop(before);
    assert!(shop.asked().await?.is_empty());
    shop.pass(Duration::from_secs(24 * 3600));
    shop.instance().await?.look().await?;
    assert_eq!(shop.asked().await?, order);
    Ok(())
}

async fn instances_that_look_at_once_ask_once_for_each_order(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let (mut one, mut two, mut three) = (shop.instance().await?, shop.instance().await?, shop.instance().await?);
    for _ in 0..5 {
        let before = shop.asked().await?.len();
        let orders = shop.place((0..40).map(|number| (1_000 + number, 900))).await?;
        let (one, two, three) = tokio::join!(one.look(), two.look(), three.look());
        assert_eq!([one?, two?, three?], [Left::Nothing(1); 3]);
        assert_eq!(shop.asked().await?.len(), before + orders.len());
        for order in orders {
            assert_eq!(shop.order(order).await?.version, 2);
        }
        shop.pass(Duration::from_secs(5_000));
    }
    Ok(())
}

async fn orders_placed_under_another_setting_have_their_own_deadline(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let mut deadline = shop.instance().await?;
    deadline.look().await?;
    let orders = shop.place([(5_000, 9_000), (1_000, 900), (100, 99), (1, 2), (1, 900)]).await?;
    let [patient, usual, impatient, sooner, _] = orders[..] else { return Err("five orders".into()) };
    let sorted = |mut orders: Vec<Uuid>| {
        orders.sort();
        orders
    };
    shop.instance().await?.look().await?;
    assert_eq!(shop.asked().await?, sorted(vec![usual, impatient]), "whoever begins looks at everything");
    shop.pass(Duration::from_secs(1));
    for _ in 0..THOROUGH {
        deadline.look().await?;
    }
    assert_eq!(shop.asked().await?, sorted(vec![usual, impatient, sooner]), "whoever goes on, now and then");
    shop.pass(Duration::from_secs(3_998));
    deadline.look().await?;
    assert!(!shop.asked().await?.contains(&patient));
    shop.pass(Duration::from_secs(1));
    deadline.look().await?;
    assert_eq!(shop.asked().await?, sorted(orders));
    Ok(())
}

async fn more_orders_than_one_look_takes_are_all_asked_for_without_a_rest(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let most = u64::try_from(MOST)?;
    let mut orders = shop.place((0..2 * most + 1).map(|number| (1_000 + number, 900))).await?;
    orders.sort();
    let (mut deadline, stop) = (shop.instance().await?, CancellationToken::new());
    assert_eq!(deadline.step(&stop).await, Pause::None);
    assert_eq!(shop.asked().await?.len(), usize::try_from(MOST)?);
    assert_eq!(deadline.step(&stop).await, Pause::None);
    assert_eq!(deadline.step(&stop).await, Pause::For(EVERY));
    assert_eq!(shop.asked().await?, orders);
    Ok(())
}

async fn the_frontier_is_behind_all_that_is_done_with_or_asked_for(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let orders = shop.place((0..300).map(|number| (1_000 + number, 900))).await?;
    let patient = shop.place([(1_151, 9_000)]).await?[0];
    shop.store
        .connection()
        .execute_unprepared("UPDATE orders SET status = 'FINISHED' WHERE pay_before % 2000000 = 0")
        .await?;
    let mut deadline = shop.instance().await?;
    deadline.look().await?;
    deadline.look().await?;
    assert_eq!(deadline.frontier.at(), patient, "one that may still become due is not passed by");
    assert_eq!(shop.left_to_look_at(&deadline).await?, 153);
    shop.change(patient, "status = 'FINISHED'").await?;
    deadline.look().await?;
    assert_eq!(deadline.frontier.at(), orders[0], "the youngest");
    assert_eq!(shop.left_to_look_at(&deadline).await?, 1);
    Ok(())
}

async fn what_was_answered_meanwhile_is_settled_first(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let order = shop.place([(1_000, 900)]).await?;
    let patience = Duration::from_secs(60);
    let (mut deadline, stop) = (shop.instance().await?.patient(patience), CancellationToken::new());
    assert_eq!(deadline.step(&stop).await, Pause::For(patience));
    assert!(shop.asked().await?.is_empty());
    // The database was away, and with it the consumer was.
    shop.store.connection().execute_unprepared("ALTER TABLE orders RENAME TO away").await?;
    assert_eq!(deadline.step(&stop).await, Pause::For(EVERY));
    shop.store.connection().execute_unprepared("ALTER TABLE away RENAME TO orders").await?;
    assert_eq!(deadline.step(&stop).await, Pause::For(patience));
    assert_eq!(deadline.step(&stop).await, Pause::For(EVERY));
    assert_eq!(shop.asked().await?, order);
    Ok(())
}

async fn the_longer_it_took_to_look_at_everything_the_longer_it_rests(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let looks = LOOKS_A_SECOND + 1;
    let most = u64::try_from(MOST)?;
    // The last of each part is the first of the next. One that is not due yet holds the frontier.
    shop.place((0..u64::from(looks) * (most - 1)).map(|number| (1_000 + number, 100_000))).await?;
    let (mut deadline, stop) = (shop.instance().await?, CancellationToken::new());
    for _ in 1..looks {
        assert_eq!(deadline.step(&stop).await, Pause::None);
    }
    assert_eq!(deadline.step(&stop).await, Pause::For(EVERY * 2));
    Ok(())
}

async fn a_look_without_a_database_is_only_put_off(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let order = shop.place([(1_000, 900)]).await?;
    shop.store.connection().execute_unprepared("ALTER TABLE orders RENAME TO away").await?;
    let (mut deadline, stop) = (shop.instance().await?, CancellationToken::new());
    assert_eq!(deadline.step(&stop).await, Pause::For(EVERY));
    shop.store.connection().execute_unprepared("ALTER TABLE away RENAME TO orders").await?;
    // What cannot be recorded is due at the next look as well.
    shop.store.connection().execute_unprepared("ALTER TABLE outbox RENAME TO gone").await?;
    assert_eq!(deadline.step(&stop).await, Pause::For(EVERY));
    assert_eq!(shop.order(order[0]).await?.version, 1, "all or nothing");
    shop.store.connection().execute_unprepared("ALTER TABLE gone RENAME TO outbox").await?;
    assert_eq!(deadline.step(&stop).await, Pause::For(EVERY));
    assert_eq!(shop.asked().await?, order);
    Ok(())
}

testing::on_every_database! {
    what_is_due_is_wished_for_once_and_what_is_settled_or_asked_for_is_left_alone,
    an_order_is_due_at_its_deadline_and_not_a_moment_sooner,
    an_order_that_became_due_while_nobody_ran_is_found_by_the_next,
    instances_that_look_at_once_ask_once_for_each_order,
    orders_placed_under_another_setting_have_their_own_deadline,
    more_orders_than_one_look_takes_are_all_asked_for_without_a_rest,
    the_frontier_is_behind_all_that_is_done_with_or_asked_for,
    what_was_answered_meanwhile_is_settled_first,
    the_longer_it_took_to_look_at_everything_the_longer_it_rests,
    a_look_without_a_database_is_only_put_off,
}

/// Only PostgreSQL counts what it reads.
#[cfg(feature = "servers")]
mod reading {
    use super::*;
    use store::{Options, Plans};

    /// Rows of `orders` that this connection has read so far.
    async fn rows_read(store: &Store) -> TestResult<i64> {
        for flush in ["SELECT pg_stat_force_next_flush()", "SELECT 1"] {
            store.connection().execute_unprepared(flush).await?;
        }
        let sql = "SELECT idx_tup_fetch + seq_tup_read AS rows FROM pg_stat_user_tables WHERE relname = 'orders'";
        let row = store.connection().query_one_raw(Statement::from_string(store.backend(), sql)).await?;
        Ok(row.ok_or("the table's counters")?.try_get("", "rows")?)
    }

    async fn at_rest_a_look_reads_two_rows(url: String) -> TestResult {
        let shop = Shop::open(url.clone()).await?;
        shop.place((0..5_000).map(|number| (1_000 + number, 900))).await?;
        shop.store.connection().execute_unprepared("UPDATE orders SET status = 'FINISHED'").await?;
        shop.place((0..500).map(|number| (number, 900))).await?;
        // One connection that nobody else uses, so that its counters are the looks'.
        let options = Options { url, max_connections: 1, application: "test", plans: Plans::ByIndex };
        let mut deadline = Deadline { store: Store::open(&options).await?, ..shop.instance().await? };
        deadline.look().await?;
        let before = rows_read(&deadline.store).await?;
        for _ in 0..10 {
            deadline.look().await?;
        }
        let read = rows_read(&deadline.store).await? - before;
        assert!(
            (1..=20).contains(&read),
            "{read} rows for ten looks; at most two each: the last order that is done with, twice"
        );
        assert!(shop.asked().await?.is_empty());
        Ok(())
    }

    #[actix_web::test]
    async fn on_postgres() -> TestResult {
        with_database(Kind::Postgres, at_rest_a_look_reads_two_rows).await
    }
}
