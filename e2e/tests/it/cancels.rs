//! An order that is cancelled at every point of its way, on real servers: whoever is first, it ends once and nobody keeps the money.
//! Absent: the deadline (deadlines), and every order of events that there is (the embedded shop's interleavings).

use anyhow::{Context, ensure};
use e2e::{
    Plan, Process, Result, Shop, User,
    broker::{Message, Tap, Visitor},
    until,
};
use futures_util::future::try_join_all;
use serde_json::Value;
use std::sync::Arc;

const BY_USER: &str = "CANCELLED cancelled_by_user";
const ENTRIES: &str = "SELECT count(*) AS number FROM entries WHERE order_id IS NOT NULL";
const DEBITS: &str = "SELECT count(*) AS number FROM entries WHERE kind = 'debit'";

/// Wishes it, and sees that nothing is decided yet.
async fn cancel(user: &User, order: &str) -> Result<Value> {
    let order = user.cancel(order).await?.expect(202)?;
    ensure!(order["status"] == "NEW" && order["cancel_requested_at"].is_string(), "{order}");
    Ok(order)
}

async fn is_cancelled(user: &User, order: &str, balance: &str) -> Result<()> {
    assert_eq!(user.outcome(order).await?, BY_USER);
    assert_eq!(user.balance().await?, balance);
    let late = user.cancel(order).await?;
    assert_eq!((late.status, late.json()["code"].as_str()), (409, Some("order_already_final")));
    Ok(())
}

/// The next message with this routing key; those before it are passed by.
async fn hear(tap: &mut Tap, routing_key: &str) -> Result<Message> {
    loop {
        let message = tap.next().await?;
        if message.routing_key == routing_key {
            return Ok(message);
        }
    }
}

async fn terminate(processes: &mut [Process]) -> Result<()> {
    let ended = try_join_all(processes.iter_mut().map(Process::terminate)).await?;
    ensure!(ended.iter().all(std::process::ExitStatus::success), "{ended:?}");
    Ok(())
}

/// Takes the only message out of a queue, as a slow network does: it is under way, and nobody has it.
async fn hold_back(visitor: &Visitor, queue: &str, routing_key: &str) -> Result<Message> {
    visitor.until_depth(queue, 1).await?;
    let body = visitor.take(queue).await?.context("a message")?;
    Ok(Message { routing_key: routing_key.to_owned(), body: serde_json::from_str(&body)? })
}

async fn contradictions(shop: &Shop) -> Result<u64> {
    shop.client()?.counted("orders_payment_contradictions_total", "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_has_consumed_is_cancelled_with_it() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let visitor = shop.broker()?.visit().await?;
        let user = shop.client()?.user("ann").with_money("10").await?;
        terminate(&mut shop.payments).await?;
        let order = user.order("3").await?;
        visitor.until_depth("payments.requests", 1).await?;
        let wished = cancel(&user, &order).await?;
        visitor.until_depth("payments.requests", 2).await?;
        assert_eq!(cancel(&user, &order).await?, wished, "a repeat is answered like the first");
        shop.start().await?;
        is_cancelled(&user, &order, "10.00").await?;
        visitor.leave().await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_overtakes_its_request_is_a_fence_however_often_the_request_comes() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let visitor = shop.broker()?.visit().await?;
        let user = shop.client()?.user("ann").with_money("10").await?;
        terminate(&mut shop.payments).await?;
        let order = user.order("3").await?;
        let request = hold_back(&visitor, "payments.requests", "payment.requested").await?;
        cancel(&user, &order).await?;
        shop.start().await?;
        is_cancelled(&user, &order, "10.00").await?;
        let mut tap = visitor.tap().await?;
        for late in [&request, &request.under_another_id(), &request, &request.under_another_id()] {
            visitor.say(late).await?;
            let answer = hear(&mut tap, "payment.cancelled").await?;
            assert_eq!(answer.body["data"]["order_id"], order.as_str());
            assert!(answer.body["data"]["refund_transaction_id"].is_null(), "{answer:?}");
        }
        assert_eq!(shop.books.of_payments(ENTRIES).await?, 0, "nothing was ever taken");
        is_cancelled(&user, &order, "10.00").await?;
        visitor.leave().await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_stand_still_with_the_request_in_hand_go_on_with_the_cancel() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let visitor = shop.broker()?.visit().await?;
        let mut tap = visitor.tap().await?;
        let user = shop.client()?.user("ann").with_money("10").await?;
        try_join_all(shop.payments.iter().map(Process::freeze)).await?;
        let order = user.order("3").await?;
        hear(&mut tap, "payment.requested").await?;
        cancel(&user, &order).await?;
        hear(&mut tap, "payment.cancel-requested").await?;
        try_join_all(shop.payments.iter().map(Process::thaw)).await?;
        is_cancelled(&user, &order, "10.00").await?;
        visitor.leave().await?;
        Ok(Arc::default())
    })
    .await
}

/// Places an order that payments has answered; the answer is under way, and no instance of orders runs.
async fn answered(shop: &mut Shop, visitor: &Visitor, user: &User) -> Result<(String, Message)> {
    terminate(&mut shop.payments).await?;
    let order = user.order("3").await?;
    visitor.until_depth("payments.requests", 1).await?;
    terminate(&mut shop.orders).await?;
    try_join_all(shop.payments.iter_mut().map(Process::start)).await?;
    let success = hold_back(visitor, "orders.payment-results", "payment.succeeded").await?;
    assert_eq!(shop.books.of_payments(DEBITS).await?, 1);
    Ok((order, success))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_that_comes_after_the_answer_to_the_cancel_changes_nothing() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let visitor = shop.broker()?.visit().await?;
        let user = shop.client()?.user("ann").with_money("10").await?;
        let (order, success) = answered(shop, &visitor, &user).await?;
        shop.start().await?;
        cancel(&user, &order).await?;
        is_cancelled(&user, &order, "10.00").await?;
        let before = user.all_orders().await?;
        for late in [&success, &success, &success.under_another_id()] {
            visitor.say(late).await?;
        }
        // Behind them in the queue comes an answer that changes something.
        let other = user.order("1").await?;
        assert_eq!(user.outcome(&other).await?, "FINISHED");
        shop.books.settled().await?;
        assert_eq!(user.all_orders().await?[1..], before);
        assert_eq!(contradictions(shop).await?, 0, "payments has said nothing that is not so");
        visitor.leave().await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_that_comes_before_the_answer_to_the_cancel_waits_for_it() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let visitor = shop.broker()?.visit().await?;
        let user = shop.client()?.user("ann").with_money("10").await?;
        let (order, success) = answered(shop, &visitor, &user).await?;
        terminate(&mut shop.payments).await?;
        try_join_all(shop.orders.iter_mut().map(Process::start)).await?;
        let started = shop.client()?;
        until("the instances of orders to be ready", || async { started.ready().await }).await?;
        let wished = cancel(&user, &order).await?;
        visitor.say(&success).await?;
        let client = shop.client()?;
        until("the success to be handled", async || {
            Ok(client.counted("orders_inbox_messages_total", "outcome=\"handled\"").await? >= 1)
        })
        .await?;
        assert_eq!(user.get(&format!("/orders/{order}")).await?.json(), wished);
        shop.start().await?;
        is_cancelled(&user, &order, "10.00").await?;
        visitor.leave().await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_final_stays_so_and_payments_is_not_even_asked() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let visitor = shop.broker()?.visit().await?;
        let mut tap = visitor.tap().await?;
        let user = shop.client()?.user("ann").with_money("10").await?;
        let mut orders = Vec::new();
        for amount in ["4", "7"] {
            let order = user.order(amount).await?;
            orders.push((user.outcome(&order).await?, order));
        }
        assert_eq!((orders[0].0.as_str(), orders[1].0.as_str()), ("FINISHED", "CANCELLED insufficient_funds"));
        let before = user.all_orders().await?;
        for (_, order) in &orders {
            let answers = try_join_all((0..4).map(|_| user.cancel(order))).await?;
            assert!(answers.iter().all(|answer| answer.status == 409), "{answers:?}");
        }
        assert_eq!(user.all_orders().await?, before);
        user.outcome(&user.order("1").await?).await?;
        let said: Vec<_> = tap.take(6).await?.into_iter().map(|message| message.routing_key).collect();
        assert!(!said.contains(&"payment.cancel-requested".to_owned()), "{said:?}");
        visitor.leave().await?;
        Ok(Arc::default())
    })
    .await
}

/// Every order is wished to be cancelled by several at once, some before they are paid and some after.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_cancels_as_it_orders_gets_back_all_that_was_not_spent() -> Result<()> {
    const ORDERS: usize = 120;
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("100").await?;
        let buy = async |_| {
            let order = user.order("1").await?;
            let answers = try_join_all((0..3).map(|_| user.cancel(&order))).await?;
            let outcome = user.outcome(&order).await?;
            let cancelled = answers.iter().filter(|answer| answer.status == 202).count();
            let right = match outcome.as_str() {
                "FINISHED" => cancelled == 0,
                BY_USER => cancelled > 0,
                "CANCELLED insufficient_funds" => true,
                _ => false,
            };
            ensure!(
                right && answers.iter().all(|answer| [202, 409].contains(&answer.status)),
                "{outcome}: {answers:?}"
            );
            Ok(outcome == "FINISHED")
        };
        let paid = try_join_all((0..ORDERS).map(buy)).await?.into_iter().filter(|paid| *paid).count();
        shop.books.settled().await?;
        assert_eq!(user.balance().await?, format!("{}.00", 100 - paid));
        assert_eq!(contradictions(shop).await?, 0);
        Ok(Arc::default())
    })
    .await
}

/// With points in the programs where a fault is planted.
#[cfg(feature = "failpoints")]
mod crashes {
    use super::*;

    /// A shop in which one instance of one of the services has this happen to it.
    async fn with_fault(orders: &str, payments: &str) -> Result<Shop> {
        let mut shop = Plan::of(1, 1).prepare().await?;
        shop.orders[0].set("FAILPOINTS", orders);
        shop.payments[0].set("FAILPOINTS", payments);
        shop.start().await?;
        Ok(shop)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cancel_is_published_though_the_request_is_not_yet() -> Result<()> {
        let shop = with_fault("relay::before-publish=1*panic", "").await?;
        shop.judged_after(async |shop: &mut Shop| {
            let visitor = shop.broker()?.visit().await?;
            let mut tap = visitor.tap().await?;
            let user = shop.client()?.user("ann").with_money("10").await?;
            let order = user.order("3").await?;
            let client = shop.client()?;
            until("the relay to panic", async || {
                Ok(client.counted("orders_actor_restarts_total", "actor=\"outbox-relay\"").await? == 1)
            })
            .await?;
            cancel(&user, &order).await?;
            is_cancelled(&user, &order, "10.00").await?;
            let said = [tap.next().await?, tap.next().await?].map(|message| message.routing_key);
            assert_eq!(said, ["payment.cancel-requested", "payment.cancelled"], "the request is still in the outbox");
            // When its lease is over, it is published.
            hear(&mut tap, "payment.requested").await?;
            hear(&mut tap, "payment.cancelled").await?;
            assert_eq!(shop.books.of_payments(ENTRIES).await?, 0);
            visitor.leave().await?;
            Ok(Arc::default())
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_decided_and_not_answered_is_given_back() -> Result<()> {
        let shop = with_fault("", "relay::before-publish=pause").await?;
        shop.judged_after(async |shop: &mut Shop| {
            let visitor = shop.broker()?.visit().await?;
            let mut tap = visitor.tap().await?;
            let user = shop.client()?.user("ann").with_money("10").await?;
            let order = user.order("3").await?;
            let debited = async || Ok(shop.books.of_payments(DEBITS).await? == 1);
            until("the order to be paid", debited).await?;
            cancel(&user, &order).await?;
            hear(&mut tap, "payment.cancel-requested").await?;
            shop.payments[0].kill_9().await?;
            shop.payments[0].set("FAILPOINTS", "");
            shop.start().await?;
            is_cancelled(&user, &order, "10.00").await?;
            // The answer that the dead one had decided on comes when its lease is over, and changes nothing.
            hear(&mut tap, "payment.succeeded").await?;
            shop.books.settled().await?;
            assert_eq!(user.outcome(&order).await?, BY_USER);
            assert_eq!(contradictions(shop).await?, 0);
            visitor.leave().await?;
            Ok(Arc::default())
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_wish_whose_answer_is_lost_with_its_process_is_remembered_and_may_be_repeated() -> Result<()> {
        let shop = with_fault("settling::after-commit=1*panic", "").await?;
        shop.judged_after(async |shop: &mut Shop| {
            let visitor = shop.broker()?.visit().await?;
            let mut tap = visitor.tap().await?;
            let user = shop.client()?.user("ann").with_money("10").await?;
            shop.payments[0].freeze().await?;
            let order = user.order("3").await?;
            hear(&mut tap, "payment.requested").await?;
            assert_eq!(user.cancel(&order).await?.status, 500, "the work was interrupted");
            shop.orders[0].kill_9().await?;
            shop.orders[0].set("FAILPOINTS", "");
            shop.orders[0].start().await?;
            cancel(&user, &order).await?;
            shop.payments[0].thaw().await?;
            is_cancelled(&user, &order, "10.00").await?;
            let asked = hear(&mut tap, "payment.cancel-requested").await?;
            assert_eq!(asked.body["data"]["order_id"], order.as_str());
            visitor.leave().await?;
            Ok(Arc::default())
        })
        .await
    }
}
