//! PostgreSQL and RabbitMQ killed, restarted, away for a while, and emptied, with clients at work.
//! Absent: networks that fail in between (the chaos run has them).

use crate::private;
use e2e::{Plan, Result, Shop, Traffic};
use futures_util::future::try_join_all;
use std::sync::Arc;
use tokio::task::block_in_place;

/// Users and buyers.
const CROWD: (usize, usize) = (4, 12);
/// Orders accepted between two blows.
const BETWEEN: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_killed_under_load_loses_nothing_that_was_promised() -> Result<()> {
    let mut postgres = private::postgres().await?;
    let shop = Plan { postgres_url: postgres.admin_url(), ..Plan::of(2, 2) }.open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = Traffic::start(&shop.client()?, CROWD.0, CROWD.1).await?;
        traffic.goes_on(BETWEEN).await?;
        for _ in 0..2 {
            block_in_place(|| postgres.kill_9().and_then(|()| postgres.start_again()))?;
            shop.ready().await?;
            traffic.goes_on(BETWEEN).await?;
        }
        block_in_place(|| postgres.restart())?;
        traffic.goes_on(BETWEEN).await?;
        traffic.stop().await
    })
    .await
}

/// The orderly restart comes first: a queue of RabbitMQ 3.10 that is younger than two seconds does not survive a kill.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_restarted_and_killed_under_load_loses_nothing_that_was_promised() -> Result<()> {
    let mut rabbitmq = private::rabbitmq().await?;
    let shop = Plan { amqp_url: rabbitmq.url(), ..Plan::of(2, 2) }.open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = Traffic::start(&shop.client()?, CROWD.0, CROWD.1).await?;
        traffic.goes_on(BETWEEN).await?;
        block_in_place(|| rabbitmq.restart())?;
        shop.ready().await?;
        traffic.goes_on(BETWEEN).await?;
        block_in_place(|| rabbitmq.kill_9().and_then(|()| rabbitmq.start_again()))?;
        shop.ready().await?;
        traffic.goes_on(BETWEEN).await?;
        traffic.stop().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_away_orders_are_accepted_and_they_survive_its_coming_back_empty() -> Result<()> {
    let mut rabbitmq = private::rabbitmq().await?;
    let shop = Plan { amqp_url: rabbitmq.url(), ..Plan::of(1, 1) }.open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("100").await?;
        let before = user.order("1").await?;
        assert_eq!(user.outcome(&before).await?, "FINISHED");
        shop.books.settled().await?;
        block_in_place(|| rabbitmq.kill_9())?;
        let orders = try_join_all((0..50).map(|_| user.order("1"))).await?;
        let waiting = shop.books.of_orders("SELECT count(*) AS number FROM orders WHERE status = 'NEW'").await?;
        assert_eq!(waiting, 50, "accepted and not lost, but nobody can be asked for the money");
        assert_eq!(user.top_up("1", None).await?.status, 200, "accounts need no broker");
        block_in_place(|| rabbitmq.wipe().and_then(|()| rabbitmq.start_again()))?;
        for order in &orders {
            assert_eq!(user.outcome(order).await?, "FINISHED");
        }
        assert_eq!(user.balance().await?, "50.00");
        Ok(Arc::default())
    })
    .await
}
