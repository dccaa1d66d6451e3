//! Many sockets on one instance, each told of its user's orders and of no one else's.
//! Absent: limits (connecting) and readers that do not keep up (slow).

use super::place;
use e2e::{
    Result, Shop, User,
    socket::{Socket, all_of},
};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use std::{net::SocketAddr, sync::Arc};

const USERS: usize = 200;
const SOCKETS_OF_EACH: usize = 5;
const ORDERS_OF_EACH: usize = 2;
/// Users at once, so that no request waits too long for its turn on a slow machine.
const AT_ONCE: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sockets_are_told_of_their_own_orders_and_of_no_one_elses() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (client, address) = (shop.client()?, shop.orders[0].address()?);
        let users = stream::iter(0..USERS).map(|number| arrive(client.user(format!("user-{number}")), address));
        let users: Vec<_> = users.buffer_unordered(AT_ONCE).try_collect().await?;
        let open = client.counted("orders_push_sockets", "").await?;
        assert_eq!(open, u64::try_from(USERS * SOCKETS_OF_EACH)?);
        let told = stream::iter(users).map(|(user, sockets)| buy(user, sockets)).buffer_unordered(AT_ONCE);
        told.try_for_each(async |()| Ok(())).await?;
        Ok(Arc::default())
    })
    .await
}

async fn arrive(user: User, address: SocketAddr) -> Result<(User, Vec<Socket>)> {
    let (user, path) = (user.clone().with_money("1").await?, all_of(&user));
    let sockets = try_join_all((0..SOCKETS_OF_EACH).map(|_| async {
        let mut socket = Socket::connect(address, &path).await?;
        socket.ready().await.map(|_| socket)
    }));
    Ok((user, sockets.await?))
}

/// One order is paid, the other declined. `check_against` finds a stranger's order as well as a missing one.
async fn buy(user: User, mut sockets: Vec<Socket>) -> Result<()> {
    let orders = place(&user, "order", ORDERS_OF_EACH).await?;
    for socket in &mut sockets {
        socket.know_final(&orders).await?;
        socket.check_against(&user).await?;
    }
    Ok(())
}
