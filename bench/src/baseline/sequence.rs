//! One order at a time as plain SQL and AMQP: the five commits of `sql/order.sql` and two confirmed publishes, one after the
//! other. Absent: a consumer; what is published stays in the queue, so the baseline spares itself two deliveries.

use super::tables;
use crate::{lab::Lab, rounds::Figures, stats};
use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use lapin::{
    BasicProperties, Channel, Connection as Broker, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use sea_orm::sqlx::{self, Connection, PgConnection};
use std::time::{Duration, Instant};
use uuid::Uuid;

const QUEUE: &str = "baseline.sequence";
const PERSISTENT: u8 = 2;
/// As long as a real one.
const BODY: [u8; 440] = [b'.'; 440];
const USER: &str = "user-1";

const ORDER: &str = "INSERT INTO orders.orders
    (id, user_id, amount_minor, currency, status, version, created_at, updated_at, pay_before)
    VALUES ($1, $2, 100, 'RUB', 'NEW', 1, 0, 0, 0)";
const REQUEST: &str = "INSERT INTO orders.outbox (id, routing_key, partition_key, body, lease_until, created_at)
    VALUES ($1, 'payment.requested', $2, repeat('.', 440), 0, 0)";
const REQUEST_SENT: &str = "DELETE FROM orders.outbox WHERE id = $1";
const SEEN: &str = "INSERT INTO payments.inbox (message_id, handled_at) VALUES ($1, 0)";
const DEBIT: &str = "UPDATE payments.accounts SET balance_minor = balance_minor - 100, seq = seq + 1
    WHERE user_id = $1 RETURNING balance_minor, seq";
const ENTRY: &str = "INSERT INTO payments.entries
    (user_id, seq, id, kind, amount_minor, balance_after, order_id, created_at)
    VALUES ($1, $2, $3, 'debit', -100, $4, $3, 0)";
const ANSWER: &str = "INSERT INTO payments.outbox (id, routing_key, partition_key, body, lease_until, created_at)
    VALUES ($1, 'payment.succeeded', $2, repeat('.', 440), 0, 0)";
const ANSWER_SENT: &str = "DELETE FROM payments.outbox WHERE id = $1";
const FINAL: &str = "UPDATE orders.orders SET status = 'FINISHED', version = 2 WHERE id = $1";

/// A connection to each server.
pub struct Sequence {
    database: PgConnection,
    broker: Broker,
    channel: Channel,
}

impl Sequence {
    /// Connects, and creates the tables.
    ///
    /// # Errors
    /// When a server refuses.
    pub async fn prepare(lab: &Lab) -> Result<Self> {
        let url = tables::create(lab.postgres_url()).await?;
        let runtime = async_rs::Runtime::tokio_current();
        let broker = Broker::connect_with_runtime(lab.amqp_url(), ConnectionProperties::default(), runtime).await?;
        let channel = broker.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut quorum = FieldTable::default();
        quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(QUEUE.into(), durable, quorum).await?;
        Ok(Self { database: PgConnection::connect(&url).await?, broker, channel })
    }

    /// One order after the other for so long.
    ///
    /// # Errors
    /// When a server refuses.
    pub async fn measure(&mut self, time: Duration) -> Result<Figures> {
        let (begun, mut latency) = (Instant::now(), Histogram::<u64>::new(3)?);
        while begun.elapsed() < time {
            let placed = Instant::now();
            self.order(Uuid::now_v7()).await?;
            latency.record(u64::try_from(placed.elapsed().as_micros())?)?;
        }
        Ok(stats::latencies(Figures::default(), stats::FINAL, &latency))
    }

    async fn order(&mut self, id: Uuid) -> Result<()> {
        self.place(id).await?;
        self.publish().await?;
        sqlx::query(REQUEST_SENT).bind(id).execute(&mut self.database).await?;
        self.debit(id).await?;
        self.publish().await?;
        sqlx::query(ANSWER_SENT).bind(id).execute(&mut self.database).await?;
        sqlx::query(FINAL).bind(id).execute(&mut self.database).await?;
        Ok(())
    }

    async fn place(&mut self, id: Uuid) -> Result<()> {
        let mut commit = self.database.begin().await?;
        sqlx::query(ORDER).bind(id).bind(USER).execute(&mut *commit).await?;
        sqlx::query(REQUEST).bind(id).bind(USER).execute(&mut *commit).await?;
        Ok(commit.commit().await?)
    }

    async fn debit(&mut self, id: Uuid) -> Result<()> {
        let mut commit = self.database.begin().await?;
        sqlx::query(SEEN).bind(id).execute(&mut *commit).await?;
        let (balance, seq): (i64, i64) = sqlx::query_as(DEBIT).bind(USER).fetch_one(&mut *commit).await?;
        sqlx::query(ENTRY).bind(USER).bind(seq).bind(id).bind(balance).execute(&mut *commit).await?;
        sqlx::query(ANSWER).bind(id).bind(USER).execute(&mut *commit).await?;
        Ok(commit.commit().await?)
    }

    async fn publish(&self) -> Result<()> {
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let persistent = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let published = self.channel.basic_publish("".into(), QUEUE.into(), mandatory, &BODY, persistent).await?;
        ensure!(published.await?.is_ack(), "the broker did not take a message");
        Ok(())
    }

    /// Disconnects.
    ///
    /// # Errors
    /// When a connection is broken.
    pub async fn close(self) -> Result<()> {
        self.database.close().await?;
        self.broker.close(200, "done".into()).await.context("the broker")
    }
}
