//! The shop on Kafka, or on librdkafka's mock of it: several instances that come, go, die and lose their broker under traffic.
//! Absent: the broker's own laws (messaging's tests have them).

use crate::{
    instances::come_and_go,
    walkthrough::{check_three, place_three},
};
use anyhow::anyhow;
use e2e::{Plan, Result, Shop, Traffic};
use fixtures::kafka::MockKafka;

/// A mock with the contract's topics, and a plan of so many instances of each service on it. The names on a mock need no prefix.
pub(crate) async fn mocked(instances: usize) -> Result<(MockKafka, Plan)> {
    let start = || MockKafka::start(1).and_then(|mock| mock.topics(12).map(|()| mock));
    let mock = tokio::task::spawn_blocking(start).await?.map_err(|error| anyhow!(error))?;
    let plan = Plan { prefix: String::new(), ..Plan::at(&testbed::postgres_url(), &mock.url(), instances, instances) };
    Ok((mock, plan))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_orders_of_the_walkthrough_end_as_they_should_on_kafka() -> Result<()> {
    let (_mock, plan) = mocked(2).await?;
    let shop = plan.open().await?;
    shop.judged_after(async |shop: &mut Shop| check_three(&place_three(shop).await?).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_come_go_and_die_under_traffic_on_kafka() -> Result<()> {
    let (_mock, plan) = mocked(2).await?;
    let mut shop = plan.prepare().await?;
    shop.orders[0].start().await?;
    shop.payments[0].start().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = come_and_go(shop).await?;
        shop.start().await?;
        traffic.goes_on(50).await?;
        shop.orders[1].kill_9().await?;
        shop.payments[1].kill_9().await?;
        traffic.goes_on(50).await?;
        shop.start().await?;
        traffic.stop().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_accepted_while_kafka_is_away_and_settle_when_it_is_back() -> Result<()> {
    let (mock, plan) = mocked(2).await?;
    let shop = plan.open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = Traffic::start(&shop.client()?, 3, 12).await?;
        traffic.goes_on(50).await?;
        for _ in 0..2 {
            mock.with(|cluster| cluster.broker_down(-1)).map_err(|error| anyhow!(error))??;
            traffic.goes_on(20).await?;
            mock.with(|cluster| cluster.broker_up(-1)).map_err(|error| anyhow!(error))??;
            traffic.goes_on(50).await?;
        }
        traffic.stop().await
    })
    .await
}
