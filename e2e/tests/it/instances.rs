//! Several instances that come and go: all at once on nothing, one more or one less under traffic.
//! Absent: instances that die (crashes).

use crate::walkthrough::{check_three, place_three};
use e2e::{Plan, Result, Shop, Traffic};

#[tokio::test(flavor = "multi_thread")]
async fn many_instances_that_start_at_once_on_empty_databases_agree_on_their_schema() -> Result<()> {
    let shop = Plan::of(4, 4).open().await?;
    shop.judged_after(async |shop: &mut Shop| check_three(&place_three(shop).await?).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_added_and_taken_away_under_traffic() -> Result<()> {
    let mut shop = Plan::of(2, 2).prepare().await?;
    shop.orders[0].start().await?;
    shop.payments[0].start().await?;
    shop.judged_after(async |shop: &mut Shop| come_and_go(shop).await?.stop().await).await
}

/// Traffic through one instance of each service, then through all, then without the first ones. It goes on.
pub(crate) async fn come_and_go(shop: &mut Shop) -> Result<Traffic> {
    shop.ready().await?;
    let traffic = Traffic::start(&shop.client()?, 3, 12).await?;
    traffic.goes_on(50).await?;
    shop.start().await?;
    traffic.goes_on(50).await?;
    assert!(shop.orders[0].terminate().await?.success());
    assert!(shop.payments[0].terminate().await?.success());
    traffic.goes_on(50).await?;
    Ok(traffic)
}
