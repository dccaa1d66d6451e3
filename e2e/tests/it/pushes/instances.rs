//! Several instances: a client hears of its orders wherever they were settled, and resumes on whichever instance is left.
//! Absent: brokers that go away (outage).

use super::place;
use anyhow::bail;
use e2e::{
    Plan, Result, Shop,
    socket::{Pushed, Socket, all_of},
};
use futures_util::future::try_join_all;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_two_instances_both_hear_of_orders_placed_through_one() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client_of(0)?.user("ann").with_money("30").await?;
        let connect = async |instance: usize| Socket::connect(shop.orders[instance].address()?, &all_of(&user)).await;
        let mut sockets = [connect(0).await?, connect(1).await?];
        for socket in &mut sockets {
            assert_eq!(socket.ready().await?, []);
        }
        let orders = place(&user, "order", 50).await?;
        for socket in &mut sockets {
            socket.know_final(&orders).await?;
            socket.check_against(&user).await?;
        }
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cut_off_during_a_change_is_told_of_it_by_the_other_instance() -> Result<()> {
    const ROUNDS: usize = 20;
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("100").await?;
        let mut socket = Socket::connect(shop.orders[0].address()?, &all_of(&user)).await?;
        socket.ready().await?;
        for round in 1..=ROUNDS {
            let order = user.order("1").await?;
            let settled_first = round % 2 == 0;
            if settled_first {
                user.outcome(&order).await?;
            }
            socket = socket.resume(shop.orders[round % 2].address()?, &user).await?;
            let snapshots = socket.ready().await?;
            let told = snapshots.iter().find(|news| news.order_id == order);
            assert!(told.is_some_and(|news| !settled_first || news.outcome == "FINISHED"), "{round}: {told:?}");
            socket.know_final(&[order]).await?;
        }
        socket.check_against(&user).await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_an_instance_killed_while_orders_settle_learn_all_from_the_other() -> Result<()> {
    const USERS: usize = 5;
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        shop.settle_on(0).await?;
        let client = shop.client()?;
        let users = (0..USERS).map(|number| client.user(format!("user-{number}")).with_money("15"));
        let users = try_join_all(users).await?;
        let doomed = shop.orders[0].address()?;
        let mut sockets = try_join_all(users.iter().map(async |user| {
            let mut socket = Socket::connect(doomed, &all_of(user)).await?;
            socket.ready().await.map(|_| socket)
        }))
        .await?;
        let kill = async {
            loop {
                match sockets[0].next().await? {
                    Pushed::Update(_) => break,
                    Pushed::End(code) => bail!("ended before the first update: {code:?}"),
                    _ => {}
                }
            }
            shop.orders[0].kill_9().await
        };
        let placed = try_join_all(users.iter().map(|user| place(user, "order", 20)));
        let (orders, ()) = tokio::try_join!(placed, kill)?;
        for ((mut socket, user), orders) in sockets.into_iter().zip(&users).zip(&orders) {
            // What was on its way when the instance died still arrives.
            socket.end().await?;
            let mut socket = socket.resume(shop.orders[1].address()?, user).await?;
            socket.ready().await?;
            socket.know_final(orders).await?;
            socket.check_against(user).await?;
        }
        Ok(Arc::default())
    })
    .await
}
