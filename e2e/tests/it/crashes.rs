//! Processes that die or are told to stop while clients are at work, and start again on the same books.
//! Absent: servers that die (outages) and what happens at one point of the work (crash_points).

use e2e::{Result, Shop, Traffic};

/// Users and buyers: a few buyers to each account, so that its actor has commands to fold.
const CROWD: (usize, usize) = (4, 16);
/// Orders accepted between two blows: enough for several commits, and for messages to be on their way in both directions.
const BETWEEN: usize = 100;

async fn traffic(shop: &Shop) -> Result<Traffic> {
    let traffic = Traffic::start(&shop.client()?, CROWD.0, CROWD.1).await?;
    traffic.goes_on(BETWEEN).await?;
    Ok(traffic)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_shop_killed_under_load_keeps_every_promise_when_it_starts_again() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = traffic(shop).await?;
        for _ in 0..3 {
            shop.orders[0].kill_9().await?;
            let report = shop.books.audit(false).await?;
            assert!(report.in_order, "right after the crash:\n{report}");
            shop.orders[0].start().await?;
            traffic.goes_on(BETWEEN).await?;
        }
        traffic.stop().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_shop_told_to_stop_under_load_ends_in_order_and_goes_on_where_it_stopped() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = traffic(shop).await?;
        for _ in 0..2 {
            shop.stop().await?;
            shop.start().await?;
            traffic.goes_on(BETWEEN).await?;
        }
        traffic.stop().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_shop_in_the_same_directory_is_refused() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let mut second = shop.orders[0].twin("second");
        let refused = second.start().await.expect_err("two shops on the same books");
        assert!(format!("{refused:#}").contains("another shop is running"), "{refused:#}");
        traffic(shop).await?.stop().await
    })
    .await
}

#[cfg(feature = "servers")]
mod on_servers {
    use super::*;
    use e2e::Plan;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_instance_of_each_service_killed_under_load_takes_nothing_with_it() -> Result<()> {
        let shop = Plan::of(2, 2).open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let traffic = traffic(shop).await?;
            for instance in 0..2 {
                shop.orders[instance].kill_9().await?;
                traffic.goes_on(BETWEEN).await?;
                shop.payments[instance].kill_9().await?;
                traffic.goes_on(BETWEEN).await?;
                shop.start().await?;
            }
            traffic.stop().await
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn all_instances_killed_at_once_under_load_go_on_where_they_were() -> Result<()> {
        let shop = Plan::of(2, 2).open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let traffic = traffic(shop).await?;
            for process in shop.processes() {
                process.kill_9().await?;
            }
            let report = shop.books.audit(false).await?;
            assert!(report.in_order, "right after the crash:\n{report}");
            shop.start().await?;
            traffic.goes_on(BETWEEN).await?;
            traffic.stop().await
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn instances_told_to_stop_under_load_end_in_order_and_leave_no_row_leased() -> Result<()> {
        let shop = Plan::of(2, 2).open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let traffic = traffic(shop).await?;
            for instance in 0..2 {
                let status = shop.orders[instance].terminate().await?;
                assert!(status.success(), "orders-svc ended with {status}");
                let status = shop.payments[instance].terminate().await?;
                assert!(status.success(), "payments-svc ended with {status}");
                traffic.goes_on(BETWEEN).await?;
                shop.start().await?;
            }
            // All of them at once: whatever is leased now belongs to nobody.
            shop.stop().await?;
            shop.start().await?;
            traffic.goes_on(BETWEEN).await?;
            traffic.stop().await
        })
        .await
    }
}
