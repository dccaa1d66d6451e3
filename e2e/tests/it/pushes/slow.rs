//! A client that does not read: it is let go, nobody else notices, and it can resume.
//! Absent: other instances; each lets go of its own.

use super::place;
use e2e::{
    Client, Result, Shop, User,
    socket::{Socket, all_of},
    until,
};
use std::sync::Arc;

/// Orders at once, and at most: the answers to its pings fill the sleeper's buffers, so these have to fill its queue only.
const SOME: usize = 250;
const MOST: usize = 5_000;

/// The metric of the sockets that were closed because of their reader.
const SLOW: &str = "orders_push_slow_closed_total";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_let_go_and_resumes_and_nobody_else_notices() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (client, address) = (shop.client()?, shop.orders[0].address()?);
        let user = client.user("ann").with_money("100000").await?;
        let mut reader = Socket::connect(address, &all_of(&user)).await?;
        let mut sleeper = Socket::connect_narrow(address, &all_of(&user)).await?;
        reader.ready().await?;
        sleeper.ready().await?;
        let orders = tokio::select! {
            orders = order_until_let_go(&client, &user, &mut reader) => orders?,
            () = sleeper.ping_without_reading() => unreachable!("it has no end"),
        };
        let client = &client;
        until(
            "the sleeper's seat to be free",
            || async move { Ok(client.counted("orders_push_sockets", "").await? == 1) },
        )
        .await?;
        reader.check_against(&user).await?;
        let code = sleeper.end().await?;
        assert!([None, Some(1013)].contains(&code), "{code:?}");
        let mut awake = sleeper.resume(address, &user).await?;
        awake.ready().await?;
        awake.know_final(&orders).await?;
        awake.check_against(&user).await?;
        Ok(Arc::default())
    })
    .await
}

/// Orders until the instance has let a socket go; the reader hears of all of them.
async fn order_until_let_go(client: &Client, user: &User, reader: &mut Socket) -> Result<Vec<String>> {
    let mut orders = Vec::new();
    while client.counted(SLOW, "").await? == 0 {
        assert!(orders.len() < MOST, "after {MOST} orders the sleeper still has its seat");
        let some = place(user, &orders.len().to_string(), SOME).await?;
        reader.know_final(&some).await?;
        orders.extend(some);
    }
    Ok(orders)
}
