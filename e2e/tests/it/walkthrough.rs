//! The way of three orders, one paid, one too dear, one of a user without an account, on every kind of shop.
//! Absent: faults.

use e2e::{Receipts, Result, Shop};
use std::sync::Arc;

/// Has three users place an order each; gives the three orders with their users.
pub async fn place_three(shop: &Shop) -> Result<[(e2e::User, String); 3]> {
    let client = shop.client()?;
    let rich = client.user("rich").with_money("100").await?;
    let poor = client.user("poor").with_money("100.00").await?;
    let nobody = client.user("nobody");
    // Where there is no broker yet, nothing says when orders is ready but that it takes orders.
    let paid = rich.order_surely("50", "one").await?;
    let too_dear = poor.order_surely("500.00", "one").await?;
    let unknown = nobody.order_surely("0.01", "one").await?;
    Ok([(rich, paid), (poor, too_dear), (nobody, unknown)])
}

/// Checks what has become of the three.
pub async fn check_three(orders: &[(e2e::User, String); 3]) -> Result<Arc<Receipts>> {
    let expected = ["FINISHED", "CANCELLED insufficient_funds", "CANCELLED account_not_found"];
    for ((user, order), expected) in orders.iter().zip(expected) {
        assert_eq!(user.outcome(order).await?, expected, "of {}", user.id);
    }
    let [(rich, _), (poor, _), _] = orders;
    assert_eq!((rich.balance().await?, poor.balance().await?), ("50.00".to_owned(), "100.00".to_owned()));
    Ok(Arc::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_orders_end_as_they_should_in_the_embedded_shop() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| check_three(&place_three(shop).await?).await).await
}

#[cfg(feature = "servers")]
mod on_servers {
    use super::*;
    use crate::private;
    use e2e::Plan;
    use tokio::task::block_in_place;

    #[tokio::test(flavor = "multi_thread")]
    async fn three_orders_end_as_they_should_on_two_instances_of_each_service() -> Result<()> {
        let shop = Plan::of(2, 2).open().await?;
        shop.judged_after(async |shop: &mut Shop| check_three(&place_three(shop).await?).await).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn services_that_start_before_their_database_work_as_soon_as_it_answers() -> Result<()> {
        let mut postgres = private::postgres().await?;
        let mut shop = Plan { postgres_url: postgres.admin_url(), ..Plan::of(1, 1) }.prepare().await?;
        block_in_place(|| postgres.stop())?;
        for process in shop.processes() {
            process.start().await?;
        }
        shop.judged_after(async |shop: &mut Shop| {
            let client = shop.client()?;
            assert!(!client.ready().await?, "without a database nobody is ready");
            let refused = client.user("early").place("1", None).await?;
            assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("unavailable")));
            assert!(refused.header("retry-after").is_some());
            block_in_place(|| postgres.start_again())?;
            shop.ready().await?;
            check_three(&place_three(shop).await?).await
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn orders_placed_before_there_is_a_broker_are_settled_as_soon_as_there_is_one() -> Result<()> {
        let mut rabbitmq = private::rabbitmq().await?;
        block_in_place(|| rabbitmq.kill_9().and_then(|()| rabbitmq.wipe()))?;
        let mut shop = Plan { amqp_url: rabbitmq.url(), ..Plan::of(1, 1) }.prepare().await?;
        for process in shop.processes() {
            process.start().await?;
        }
        shop.judged_after(async |shop: &mut Shop| {
            let orders = place_three(shop).await?;
            let (user, order) = &orders[0];
            assert_eq!(user.get(&format!("/orders/{order}")).await?.json()["status"], "NEW");
            block_in_place(|| rabbitmq.start_again())?;
            check_three(&orders).await
        })
        .await
    }
}
