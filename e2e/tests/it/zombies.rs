//! Instances that stand still in the middle of their work and go on much later, when everybody else has given them up.
//! Absent: standing still at any moment, under load (the chaos run has that).

use e2e::{Plan, Result, Shop, until};
use std::sync::{Arc, Mutex, PoisonError};

/// Longer than it takes to freeze a process that has come there; and when it is back it takes its time with what it still has in hand.
const LONG_ENOUGH: &str = "1*return(delay 5000)->1*return(delay 2000)";

/// Its transaction is open, and nobody else may write what it has written: the server has to end it.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_stands_still_in_a_transaction_keeps_nobody_from_being_charged_and_does_no_harm_later()
-> Result<()> {
    const POINT: &str = "ledger::before-commit";
    Plan::of(1, 2)
        .open()
        .await?
        .judged_after(async |shop: &mut Shop| {
            let ann = shop.client()?.user("ann").with_money("10000").await?;
            // Requests go to whoever has been there longest: not to the one that comes now.
            assert!(shop.payments[1].terminate().await?.success());
            shop.start().await?;
            shop.payments[0].arm(POINT, LONG_ENOUGH).await?;
            let (stands_still, orders) = (&shop.payments[0], &Mutex::new(Vec::new()));
            until("an order to come to this instance", || async {
                let order = ann.order("1").await?;
                orders.lock().unwrap_or_else(PoisonError::into_inner).push(order);
                Ok(stands_still.struck(POINT)? > 0)
            })
            .await?;
            shop.payments[0].freeze().await?;
            let mut orders = std::mem::take(&mut *orders.lock().unwrap_or_else(PoisonError::into_inner));
            orders.push(ann.order("1").await?);
            for order in &orders {
                assert_eq!(ann.outcome(order).await?, "FINISHED", "while the other instance stands still");
            }
            shop.payments[0].thaw().await?;
            shop.ready().await?;
            assert_eq!(ann.balance().await?, format!("{}.00", 10_000 - orders.len()));
            Ok(Arc::default())
        })
        .await
}
