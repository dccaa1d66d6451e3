//! Backups taken from a shop at work and restored into another one, as the operator's book has it, with the audit as the judge.
//! Absent: pg_basebackup, whose copy is one moment of both databases: that is a crash, and `crashes` and `outages` have those.

use e2e::{Receipts, Result, Shop, Traffic, until};
use std::sync::Arc;

/// Users and buyers.
const CROWD: (usize, usize) = (4, 12);
/// Orders accepted before, between and after the copies of the two databases.
const BETWEEN: usize = 60;

/// Copies one database after the other, under load.
async fn copied(
    shop: &Shop,
    first: impl AsyncFnOnce() -> Result<()>,
    second: impl AsyncFnOnce() -> Result<()>,
) -> Result<Arc<Receipts>> {
    let traffic = Traffic::start(&shop.client()?, CROWD.0, CROWD.1).await?;
    traffic.goes_on(BETWEEN).await?;
    first().await?;
    traffic.goes_on(BETWEEN).await?;
    another_is_paid(shop).await?;
    second().await?;
    traffic.goes_on(BETWEEN).await?;
    traffic.stop().await
}

/// Waits until an order is paid that no copy has that is finished now. That more are accepted says nothing about payments.
async fn another_is_paid(shop: &Shop) -> Result<()> {
    let newest = shop.books.of_orders("SELECT max(created_at) AS number FROM orders").await?;
    const PAID: &str = "SELECT coalesce(max(created_at), 0) AS number FROM orders WHERE status = 'FINISHED'";
    until("an order that the first copy lacks to be paid", || async { Ok(shop.books.of_orders(PAID).await? > newest) })
        .await
}

mod embedded {
    use super::*;
    use anyhow::ensure;
    use e2e::Books;
    use gozon::{config, databases::Urls};
    use sea_orm::ConnectionTrait;
    use std::path::Path;
    use store::{Options, Plans, Store};

    async fn execute(url: &str, sql: &str) -> Result<()> {
        let options = Options { url: url.to_owned(), max_connections: 1, application: "e2e", plans: Plans::Free };
        let store = Store::open(&options).await?;
        store.connection().execute_unprepared(sql).await?;
        Ok(store.close().await?)
    }

    /// As `sqlite3 data/orders.db "VACUUM INTO 'backup/orders.db'"` does it.
    async fn copy(url: &str, to: &Path, name: &str) -> Result<()> {
        execute(url, &format!("VACUUM INTO '{}'", to.join(name).display())).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_copy_of_orders_and_a_later_one_of_payments_become_a_whole_shop_again() -> Result<()> {
        let backup = tempfile::tempdir()?;
        let place = backup.path();
        Shop::embedded()
            .await?
            .judged_after(async |shop: &mut Shop| {
                let Urls { orders, payments } = shop.books.urls();
                let (orders, payments) = (
                    async || copy(orders, place, "orders.db").await,
                    async || copy(payments, place, "payments.db").await,
                );
                copied(shop, orders, payments).await
            })
            .await?;

        let (urls, books) = (config::embedded(place)?, Books::at(config::embedded(place)?));
        let report = books.audit(false).await?;
        ensure!(!report.in_order, "debits without orders are none of the books' laws:\n{report}");
        let script = include_str!("../../../docs/recovery/lost-orders-embedded.sql");
        execute(&urls.orders, &script.replace("'payments.db'", &format!("'{}'", place.join("payments.db").display())))
            .await?;
        let report = books.audit(false).await?;
        ensure!(report.in_order, "after the script:\n{report}");
        // As a copy has it that was made while an answer was on its way: it is NEW, and nobody is going to say anything about it.
        let earlier = "UPDATE orders SET status = 'NEW', version = 1 WHERE id = (SELECT max(id) FROM orders WHERE status = 'FINISHED')";
        execute(&urls.orders, earlier).await?;
        execute(&urls.orders, include_str!("../../../docs/recovery/ask-again-embedded.sql")).await?;
        let mut restored = Shop::embedded_in(place).await?;
        restored.start().await?;
        restored
            .judged_after(async |shop: &mut Shop| {
                let user = shop.client()?.user("ann").with_money("5").await?;
                assert_eq!(user.outcome(&user.order("1").await?).await?, "FINISHED");
                Ok(Arc::default())
            })
            .await
    }
}

#[cfg(feature = "servers")]
mod on_servers {
    use super::*;
    use crate::{
        private::{self, dir},
        recovery::{psql, wanted},
    };
    use anyhow::{Context, ensure};
    use e2e::Plan;
    use std::{path::Path, process::Command};
    use tokio::task::block_in_place;

    fn run(program: &str, arguments: &[&str], place: &Path) -> Result<()> {
        let output = block_in_place(|| Command::new(program).args(arguments).current_dir(place).output());
        let output = output.with_context(|| format!("{program} cannot be run"))?;
        ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn dump(url: &str, to: &str, place: &Path) -> Result<()> {
        run("pg_dump", &["-Fc", "-d", url, "-f", to], place)
    }

    /// A shop that nobody has started on the databases of the backup, with a broker that knows nothing.
    async fn restored(plan: Plan, place: &Path) -> Result<Shop> {
        let shop = plan.prepare().await?;
        let urls = shop.books.urls();
        run("pg_restore", &["-d", &urls.orders, "orders.dump"], place)?;
        run("pg_restore", &["-d", &urls.payments, "payments.dump"], place)?;
        Ok(shop)
    }

    /// Steps 3 and 5 of the operator's book.
    fn mend(shop: &Shop, place: &Path) -> Result<()> {
        let script = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recovery").join(name);
        let (lost_orders, ask_again) = (script("lost-orders.sql"), script("ask-again.sql"));
        psql(&shop.books.urls().payments, place, &["--command", &wanted(&lost_orders)?])?;
        for script in [lost_orders, ask_again] {
            psql(&shop.books.urls().orders, place, &["--file", script.to_str().context("a path in UTF-8")?])?;
        }
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_dump_of_orders_and_a_later_one_of_payments_become_a_whole_shop_again() -> Result<()> {
        let backup = tempfile::tempdir_in(dir())?;
        let place = backup.path();
        Plan::of(2, 2)
            .open()
            .await?
            .judged_after(async |shop: &mut Shop| {
                let urls = shop.books.urls();
                let orders = async || dump(&urls.orders, "orders.dump", place);
                copied(shop, orders, async || dump(&urls.payments, "payments.dump", place)).await
            })
            .await?;

        let mut shop = restored(Plan::of(1, 1), place).await?;
        let report = shop.books.audit(false).await?;
        ensure!(!report.in_order, "debits without orders are none of the books' laws:\n{report}");
        mend(&shop, place)?;
        let report = shop.books.audit(false).await?;
        ensure!(report.in_order, "after the scripts:\n{report}");
        shop.start().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let user = shop.client()?.user("ann").with_money("5").await?;
            assert_eq!(user.outcome(&user.order("1").await?).await?, "FINISHED");
            Ok(Arc::default())
        })
        .await
    }

    /// Why the order matters: with payments older, nothing in here knows who paid in between.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_dump_of_payments_that_is_older_than_that_of_orders_is_found_out_and_no_script_mends_it() -> Result<()> {
        let backup = tempfile::tempdir_in(dir())?;
        let place = backup.path();
        // One of its own: a shop that was never started has no queues to take away, and nobody does it for its databases.
        let postgres = private::postgres().await?;
        let plan = || Plan { postgres_url: postgres.admin_url(), ..Plan::of(1, 1) };
        plan()
            .open()
            .await?
            .judged_after(async |shop: &mut Shop| {
                let urls = shop.books.urls();
                let payments = async || dump(&urls.payments, "payments.dump", place);
                copied(shop, payments, async || dump(&urls.orders, "orders.dump", place)).await
            })
            .await?;

        let shop = restored(plan(), place).await?;
        mend(&shop, place)?;
        let report = shop.books.audit(false).await?.to_string();
        for law in ["violated: final-answered", "violated: finished-debited"] {
            ensure!(report.contains(law), "{law} is missing:\n{report}");
        }
        Ok(())
    }
}
