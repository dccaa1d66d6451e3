//! Connecting exactly while an order changes.
//! Absent: faults.

use e2e::{
    Result, Shop, User,
    socket::{Pushed, Socket, one_of},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::{net::SocketAddr, sync::Arc};

const ROUNDS: usize = 100;
/// Rounds at once: with some company, the change comes sooner or later than alone.
const AT_ONCE: usize = 4;
/// Different moments to connect: after so many reads that the change may have come or not, and, as the last one, after it.
const MOMENTS: usize = 7;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_connects_while_an_order_changes_ends_with_its_final_state() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (user, address) = (shop.client()?.user("ann").with_money("60").await?, shop.orders[0].address()?);
        let rounds = stream::iter(0..ROUNDS).map(|round| one_round(&user, address, round)).buffer_unordered(AT_ONCE);
        let met_new: usize = rounds.try_fold(0, async |sum, new| Ok(sum + usize::from(new))).await?;
        assert!((1..ROUNDS).contains(&met_new), "{met_new} of {ROUNDS} came before the change: no race was run");
        Ok(Arc::default())
    })
    .await
}

/// Gives whether it came before the change.
async fn one_round(user: &User, address: SocketAddr, round: usize) -> Result<bool> {
    let order = user.order("1").await?;
    let moment = round % MOMENTS;
    for _ in 0..moment {
        user.get(&format!("/orders/{order}")).await?.expect(200)?;
    }
    if moment == MOMENTS - 1 {
        user.outcome(&order).await?;
    }
    let mut socket = Socket::connect(address, &one_of(user, &order)).await?;
    let snapshots = socket.ready().await?;
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    let new = snapshots[0].outcome == "NEW";
    if new {
        let update = socket.next().await?;
        assert!(matches!(&update, Pushed::Update(news) if news.version > snapshots[0].version), "{update:?}");
    }
    assert_eq!(socket.known[&order].outcome, user.outcome(&order).await?);
    Ok(new)
}
