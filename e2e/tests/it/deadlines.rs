//! Orders that are not paid in time, because payments or the broker is away for longer than they may wait: nobody keeps the money.
//! Absent: when exactly an order is due (orders' own tests have a clock to set).

use e2e::{Plan, Process, Result, Shop, User, until};
use futures_util::future::try_join_all;
use std::{collections::BTreeSet, sync::Arc};
use testbed::{Proxy, address_of};

/// Orders that are late together: more than fit into one handful, few enough to be quick.
const ORDERS: usize = 40;
const LATE: &str = "CANCELLED payment_deadline";
const WISHED: &str = "SELECT count(*) AS number FROM orders WHERE status = 'NEW' AND cancel_cause = 'payment_deadline'";

/// Every process with the shortest time in which orders can be told to be paid.
fn hasty(plan: Plan) -> Plan {
    Plan { variables: vec![("PAY_WITHIN_SECONDS", "1".to_owned())], ..plan }
}

/// Places orders that nobody can pay now, and waits until their time is over.
async fn place_late(shop: &Shop, user: &User) -> Result<Vec<String>> {
    let orders = try_join_all((0..ORDERS).map(|_| user.order("1"))).await?;
    let all = i64::try_from(ORDERS)?;
    until("all orders to be late", async || Ok(shop.books.of_orders(WISHED).await? == all)).await?;
    Ok(orders)
}

async fn are_cancelled(user: &User, orders: &[String], balance: &str) -> Result<()> {
    for order in orders {
        assert_eq!(user.outcome(order).await?, LATE);
    }
    assert_eq!(user.balance().await?, balance);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_for_longer_than_orders_may_wait_costs_nobody_anything() -> Result<()> {
    let rabbitmq = testbed::amqp_url();
    let network = Proxy::start(address_of(&rabbitmq)?)?;
    let shop = hasty(Plan { amqp_url: network.url(&rabbitmq), ..Plan::of(2, 2) }).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("100").await?;
        network.refuse(true)?;
        network.cut();
        let orders = place_late(shop, &user).await?;
        const ASKED: &str = "SELECT count(*) AS number FROM outbox WHERE routing_key = 'payment.cancel-requested'";
        assert_eq!(shop.books.of_orders(ASKED).await?, i64::try_from(ORDERS)?, "once each, by two instances");
        network.refuse(false)?;
        are_cancelled(&user, &orders, "100.00").await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_that_stands_still_for_longer_than_orders_may_wait_gives_everything_back() -> Result<()> {
    let shop = hasty(Plan::of(2, 2)).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let visitor = shop.broker()?.visit().await?;
        let mut tap = visitor.tap().await?;
        let user = shop.client()?.user("ann").with_money("100").await?;
        try_join_all(shop.payments.iter().map(Process::freeze)).await?;
        let orders = place_late(shop, &user).await?;
        // A request and a cancel of each, whichever instance has looked.
        let said = tap.take(2 * ORDERS).await?;
        let said: BTreeSet<_> =
            said.iter().map(|message| (message.routing_key.as_str(), message.body["subject"].as_str())).collect();
        assert_eq!(said.len(), 2 * ORDERS);
        try_join_all(shop.payments.iter().map(Process::thaw)).await?;
        are_cancelled(&user, &orders, "100.00").await?;
        visitor.leave().await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_became_late_while_no_instance_ran_are_found_by_the_next() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("100").await?;
        for payments in &mut shop.payments {
            assert!(payments.terminate().await?.success());
        }
        for orders in &mut shop.orders {
            assert!(orders.terminate().await?.success());
            orders.set("PAY_WITHIN_SECONDS", "3");
            orders.start().await?;
        }
        let orders =
            try_join_all((0..ORDERS).map(async |number| user.order_surely("1", &number.to_string()).await)).await?;
        const UNSENT: &str = "SELECT count(*) AS number FROM outbox WHERE routing_key = 'payment.requested'";
        until("the requests to be published", async || Ok(shop.books.of_orders(UNSENT).await? == 0)).await?;
        for orders in &mut shop.orders {
            orders.kill_9().await?;
        }
        const OVER: &str = "SELECT count(*) AS number FROM orders
            WHERE pay_before <= extract(epoch FROM clock_timestamp()) * 1000000";
        let all = i64::try_from(ORDERS)?;
        until("the time of all orders to be over", async || Ok(shop.books.of_orders(OVER).await? == all)).await?;
        // A setting that gives new orders more time takes none from those that there are.
        for orders in &mut shop.orders {
            orders.set("PAY_WITHIN_SECONDS", "20");
        }
        try_join_all(shop.orders.iter_mut().map(Process::start)).await?;
        until("all orders to be late", async || Ok(shop.books.of_orders(WISHED).await? == all)).await?;
        shop.start().await?;
        are_cancelled(&user, &orders, "100.00").await?;
        let paid = user.order("1").await?;
        assert_eq!(user.outcome(&paid).await?, "FINISHED", "one that has the time");
        Ok(Arc::default())
    })
    .await
}
