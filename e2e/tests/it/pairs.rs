//! Two shops where there should be one: on one broker without a prefix, and a service on an empty database.
//! Absent: what becomes of each single message (messaging's own tests).

use e2e::{Plan, Result, Shop, until};
use gozon::{
    dead::{Act, Places, Which},
    pair::{Standing, Together},
};
use std::sync::Arc;
use store::Clock;

async fn readiness_says(shop: &Shop, status: u16, words: &str) -> Result<bool> {
    let answers = shop.client()?.readiness().await?;
    Ok(answers.iter().any(|answer| answer.status == status && answer.text.contains(words)))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_shops_on_one_broker_decide_nothing_about_each_others_orders_and_both_say_so() -> Result<()> {
    let first = Plan::of(1, 1);
    let second = Plan { prefix: first.prefix.clone(), ..Plan::of(1, 1) };
    let shop = first.open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let ann = shop.client()?.user("ann").with_money("1000").await?;
        assert_eq!(ann.outcome(&ann.order("1").await?).await?, "FINISHED");
        let mut intruder = second.open().await?;
        let bob = intruder.client()?.user("bob").with_money("1000").await?;
        let foreign = bob.order("1").await?;
        until("the first shop says so", || readiness_says(shop, 200, "another shop")).await?;
        for _ in 0..20 {
            assert_eq!(ann.outcome(&ann.order("1").await?).await?, "FINISHED");
        }
        until("the second shop says so too", || readiness_says(&intruder, 200, "another shop")).await?;
        assert_eq!(bob.get(&format!("/orders/{foreign}")).await?.json()["status"], "NEW");
        assert_eq!(ann.balance().await?, "979.00");
        intruder.stop().await?;
        // What the intruder has left is the operator's to throw away.
        let places = Places { databases: shop.books.open().await?, broker: None, clock: Clock::system() };
        let parked = places.list().await?;
        assert!(!parked.is_empty() && parked.iter().all(|one| one.error.starts_with("another shop: ")), "{parked:?}");
        places.act(Act::Discard, &Which::All).await?;
        places.close().await;
        intruder.keep_queues();
        intruder.remove().await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_on_an_empty_database_takes_nothing_and_the_right_one_decides() -> Result<()> {
    let shop = Plan::of(1, 1).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let ann = shop.client()?.user("ann").with_money("100").await?;
        assert_eq!(ann.outcome(&ann.order("1").await?).await?, "FINISHED");
        shop.payments[0].terminate().await?;
        let empty = Plan::of(0, 0).prepare().await?;
        let mut wrong = shop.payments[0].twin("payments-svc-wrong");
        wrong.replace(&shop.books.urls().payments.clone(), &empty.books.urls().payments);
        wrong.start().await?;
        let order = ann.order("30").await?;
        until("it says why it takes nothing", async || {
            let answer = reqwest::get(format!("{}/readyz", wrong.base()?)).await?;
            Ok(answer.status() == 503 && answer.text().await?.contains("is it the right one"))
        })
        .await?;
        assert_eq!(ann.get(&format!("/orders/{order}")).await?.json()["status"], "NEW");
        shop.payments[0].start().await?;
        assert_eq!(ann.outcome(&order).await?, "FINISHED", "beside the wrong one");
        wrong.terminate().await?;
        let mut empty = empty;
        empty.keep_queues();
        empty.remove().await?;
        let databases = shop.books.open().await?;
        let standing = Standing::read(&databases).await?;
        databases.close().await;
        assert_eq!(standing.together(), Together::Yes);
        Ok(Arc::default())
    })
    .await
}
