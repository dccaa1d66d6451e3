//! One instance's way to RabbitMQ is cut while the other's is not: no client of either may miss anything.
//! Absent: a broker that is away from everybody.

use super::place;
use e2e::{
    Plan, Process, Result, Shop, User,
    socket::{Socket, all_of},
    until,
};
use std::sync::Arc;
use testbed::Proxy;
use tokio::task::block_in_place;

/// A shop whose second instance of orders has a proxy before its broker, and settles as long as it can.
async fn open() -> Result<(Shop, Proxy)> {
    let plan = Plan::of(1, 1);
    let (broker, prefix) = (plan.amqp_url.clone(), plan.prefix.clone());
    let proxy = Proxy::start(testbed::address_of(&broker)?)?;
    let mut shop = plan.open().await?;
    let mut second = shop.orders_by_way_of(&proxy.url(&broker), &prefix)?;
    second.start().await?;
    shop.orders.push(second);
    shop.settle_on(1).await?;
    Ok((shop, proxy))
}

async fn connect(process: &Process, user: &User) -> Result<Socket> {
    let mut socket = Socket::connect(process.address()?, &all_of(user)).await?;
    socket.ready().await?;
    Ok(socket)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_cut_off_from_the_broker_catches_its_sockets_up_when_it_is_back() -> Result<()> {
    let (shop, proxy) = open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client_of(0)?.user("ann").with_money("30").await?;
        let mut socket = connect(&shop.orders[1], &user).await?;
        block_in_place(|| proxy.refuse(true))?;
        proxy.cut();
        let client = &shop.client()?;
        until("the second instance to notice", || async { Ok(!client.ready().await?) }).await?;
        let orders = place(&user, "while-away", 50).await?;
        for order in &orders {
            user.outcome(order).await?;
        }
        block_in_place(|| proxy.refuse(false))?;
        socket.know_final(&orders).await?;
        socket.check_against(&user).await?;
        Ok(Arc::default())
    })
    .await
}

/// What the instance settles just before and just after a cut it may fail to announce.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_misses_what_an_instance_settled_whose_connections_break_all_the_time() -> Result<()> {
    const CUTS: usize = 15;
    let (shop, proxy) = open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("200").await?;
        let mut sockets = [connect(&shop.orders[0], &user).await?, connect(&shop.orders[1], &user).await?];
        let mut orders = Vec::new();
        for cut in 0..CUTS {
            orders.extend(place(&user, &cut.to_string(), 20).await?);
            proxy.cut();
        }
        for socket in &mut sockets {
            socket.know_final(&orders).await?;
            socket.check_against(&user).await?;
        }
        Ok(Arc::default())
    })
    .await
}
