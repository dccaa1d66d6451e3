//! What the data of a database means: a program that was told something else about it does nothing with it, and says what to do.
//! Absent: what else a database may be that is no good (launch's own tests).

use e2e::{Result, Shop, until};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_shop_whose_amounts_are_in_another_currency_does_not_open_and_opens_with_its_own() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let ann = shop.client()?.user("ann").with_money("100.00").await?;
        ann.outcome(&ann.order("30.00").await?).await?;
        shop.stop().await?;
        shop.orders[0].set("CURRENCY", "USD");
        let refused = format!("{:#}", shop.start().await.expect_err("the amounts are in roubles"));
        assert!(refused.contains("--currency RUB") && refused.contains("orders.db"), "{refused}");
        shop.orders[0].set("CURRENCY", "RUB");
        shop.start().await?;
        assert_eq!(ann.balance().await?, "70.00");
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_does_not_open_in_what_is_no_currency_with_two_decimals() -> Result<()> {
    for code in ["JPY", "KWD", "XXX", "rub"] {
        let refused = Shop::embedded_with(&[("CURRENCY", code)]).await.expect_err(code);
        assert!(format!("{refused:#}").contains("--currency"), "{code}: {refused:#}");
    }
    Ok(())
}

#[cfg(feature = "servers")]
mod on_servers {
    use super::*;
    use crate::{databases, private};
    use e2e::Plan;

    /// Whether an instance is not ready and gives these words as the reason.
    async fn refuses(shop: &Shop, words: &str) -> Result<bool> {
        let answers = shop.client()?.readiness().await?;
        Ok(answers.iter().any(|answer| answer.status == 503 && answer.text.contains(words)))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_service_told_of_another_currency_takes_no_money_no_request_and_no_message() -> Result<()> {
        let shop = Plan::of(1, 1).open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let ann = shop.client()?.user("ann").with_money("100.00").await?;
            shop.payments[0].terminate().await?;
            shop.payments[0].set("CURRENCY", "USD");
            shop.payments[0].start().await?;
            until("it says why it is not ready", || refuses(shop, "--currency RUB")).await?;
            let order = ann.order("30.00").await?;
            ann.top_up("10.00", None).await?.expect(503)?;
            // A second instance has what the first one left at the broker.
            let mut right = shop.payments[0].twin("payments-svc-right");
            right.set("CURRENCY", "RUB");
            right.start().await?;
            assert_eq!(ann.outcome(&order).await?, "FINISHED");
            right.terminate().await?;
            shop.payments[0].terminate().await?;
            shop.payments[0].set("CURRENCY", "RUB");
            shop.payments[0].start().await?;
            assert_eq!(ann.balance().await?, "70.00");
            Ok(Arc::default())
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_without_fsync_takes_traffic_and_is_degraded() -> Result<()> {
        let postgres = private::postgres().await?;
        databases::set(&postgres, "fsync", "off").await?;
        let shop = Plan::at(&postgres.admin_url(), &testbed::amqp_url(), 1, 1).open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let client = shop.client()?;
            for answer in client.readiness().await? {
                let body = answer.expect(200)?;
                assert_eq!(body["status"], "degraded", "{body}");
                assert!(answer.text.contains("fsync off"), "{body}");
            }
            let full = reqwest::get(format!("{}/readyz?full", shop.orders[0].base()?)).await?;
            assert_eq!(full.status(), 503);
            Ok(Arc::default())
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_service_on_the_other_ones_database_says_whose_it_is_and_leaves_it_alone() -> Result<()> {
        let shop = Plan::of(1, 1).open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let ann = shop.client()?.user("ann").with_money("100.00").await?;
            shop.payments[0].terminate().await?;
            let (orders, payments) = (shop.books.urls().orders.clone(), shop.books.urls().payments.clone());
            let mut wrong = shop.payments[0].twin("payments-svc-wrong");
            wrong.replace(&payments, &orders);
            wrong.start().await?;
            let order = ann.order("30.00").await?;
            until("it says whose database it is", async || {
                let answer = reqwest::get(format!("{}/readyz", wrong.base()?)).await?;
                Ok(answer.status() == 503 && answer.text().await?.contains("belongs to orders-svc"))
            })
            .await?;
            wrong.terminate().await?;
            shop.payments[0].start().await?;
            assert_eq!(ann.outcome(&order).await?, "FINISHED");
            Ok(Arc::default())
        })
        .await
    }
}
