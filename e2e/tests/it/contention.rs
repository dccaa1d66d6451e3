//! Many who want the same at once: one account, one Idempotency-Key.
//! Absent: faults.

use e2e::{Answer, Receipts, Result, Shop};
use futures_util::future::try_join_all;
use std::{collections::BTreeSet, sync::Arc};

/// Copies of one request, all under way at once.
const COPIES: usize = 100;

/// All answers are the same one, given for the first time once and replayed to the others.
fn check_copies(answers: &[Answer], status: u16) {
    let given: BTreeSet<_> = answers.iter().map(|answer| (answer.status, answer.text.as_str())).collect();
    assert_eq!(given.len(), 1, "{given:?}");
    assert!(answers.iter().all(|answer| answer.status == status), "{:?}", answers[0]);
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count();
    assert_eq!((answers.len(), replayed), (COPIES, COPIES - 1));
}

async fn send_copies(shop: &mut Shop) -> Result<Arc<Receipts>> {
    let user = shop.client()?.user("ann").with_money("100").await?;
    let orders = try_join_all((0..COPIES).map(|_| user.place("60", Some("one-order")))).await?;
    check_copies(&orders, 201);
    let top_ups = try_join_all((0..COPIES).map(|_| user.top_up("7", Some("one-top-up")))).await?;
    check_copies(&top_ups, 200);
    for other in [user.place("61", Some("one-order")).await?, user.top_up("8", Some("one-top-up")).await?] {
        assert_eq!((other.status, other.json()["code"].as_str()), (422, Some("idempotency_key_reused")));
    }
    let order = orders[0].json();
    assert_eq!(user.outcome(order["id"].as_str().unwrap_or_default()).await?, "FINISHED");
    let late = user.place("60", Some("one-order")).await?;
    assert_eq!((late.status, late.text.as_str()), (201, orders[0].text.as_str()), "the first answer, however late");
    assert_eq!(user.all_orders().await?.len(), 1);
    assert_eq!(user.balance().await?, "47.00");
    Ok(Arc::default())
}

/// Top-ups and orders of one account, all at once; the orders together cost less than there is from the beginning.
async fn hammer(shop: &mut Shop) -> Result<Arc<Receipts>> {
    const EACH: usize = 200;
    let user = shop.client()?.user("ann").with_money("1000").await?;
    let order = async |number: usize| user.order_surely("1.01", &format!("order-{number}")).await;
    let top_up = async |number: usize| user.top_up_surely("0.99", &format!("top-up-{number}")).await?.expect(200);
    let orders = try_join_all((0..EACH).map(order));
    let (orders, _) = tokio::try_join!(orders, try_join_all((0..EACH).map(top_up)))?;
    for order in &orders {
        assert_eq!(user.outcome(order).await?, "FINISHED");
    }
    assert_eq!(user.all_orders().await?.len(), EACH);
    assert_eq!(user.balance().await?, "996.00", "1000 + 200 * 0.99 - 200 * 1.01");
    assert_eq!(shop.books.of_payments("SELECT count(*) AS number FROM entries").await?, 401);
    Ok(Arc::default())
}

/// More orders at once than the account can pay: as many as fit are paid, not one more.
async fn overdraw(shop: &mut Shop) -> Result<Arc<Receipts>> {
    let user = shop.client()?.user("ann").with_money("10").await?;
    let orders = try_join_all((0..50).map(|_| user.order("0.70"))).await?;
    let outcomes = try_join_all(orders.iter().map(|order| user.outcome(order))).await?;
    let paid = outcomes.iter().filter(|outcome| *outcome == "FINISHED").count();
    let declined = outcomes.iter().filter(|outcome| *outcome == "CANCELLED insufficient_funds").count();
    assert_eq!((paid, declined), (14, 36));
    assert_eq!(user.balance().await?, "0.20");
    Ok(Arc::default())
}

mod embedded {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn copies_of_a_request_with_one_key_do_one_thing_and_get_one_answer() -> Result<()> {
        Shop::embedded().await?.judged_after(send_copies).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_account_that_everybody_wants_at_once_is_right_to_the_kopeck() -> Result<()> {
        Shop::embedded().await?.judged_after(hammer).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_account_pays_as_many_orders_as_it_can_and_not_one_more() -> Result<()> {
        Shop::embedded().await?.judged_after(overdraw).await
    }
}

#[cfg(feature = "servers")]
mod on_two_instances {
    use super::*;
    use e2e::Plan;

    #[tokio::test(flavor = "multi_thread")]
    async fn copies_of_a_request_with_one_key_do_one_thing_and_get_one_answer() -> Result<()> {
        Plan::of(2, 2).open().await?.judged_after(send_copies).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_account_that_everybody_wants_at_once_is_right_to_the_kopeck() -> Result<()> {
        Plan::of(2, 2).open().await?.judged_after(hammer).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_account_pays_as_many_orders_as_it_can_and_not_one_more() -> Result<()> {
        Plan::of(2, 2).open().await?.judged_after(overdraw).await
    }
}
