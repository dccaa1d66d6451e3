//! The operator's recovery scripts on a shop whose backup was not of one moment.
//! Absent: making and restoring backups (backups).

use crate::private::dir;
use anyhow::{Context, ensure};
use e2e::{Plan, Result, Shop};
use std::{path::Path, process::Command, sync::Arc};

/// Runs psql in the directory, as an operator does.
pub fn psql(url: &str, place: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", url])
        .args(arguments)
        .current_dir(place)
        .output()
        .context("psql cannot be run")?;
    ensure!(output.status.success(), "psql {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The command that a script wants to have been run before it.
pub fn wanted(script: &Path) -> Result<String> {
    let text = std::fs::read_to_string(script)?;
    let command = text.lines().find_map(|line| line.strip_prefix("--   ")).context("a command in its head")?;
    Ok(command.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_older_than_payments_are_mended_by_the_scripts_and_nobody_is_charged_again() -> Result<()> {
    let shop = Plan::of(1, 1).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("10").await?;
        let (lost, waiting) = (user.order("1").await?, user.order("2").await?);
        for order in [&lost, &waiting] {
            assert_eq!(user.outcome(order).await?, "FINISHED");
        }
        shop.books.settled().await?;
        shop.stop().await?;

        // As orders' backup has it: one was not placed yet, one had no answer yet.
        let place = tempfile::tempdir_in(dir())?;
        let (orders, payments) = (shop.books.urls().orders.clone(), shop.books.urls().payments.clone());
        let earlier = [
            format!("DELETE FROM orders WHERE id = '{lost}'"),
            format!("UPDATE orders SET status = 'NEW', version = 1 WHERE id = '{waiting}'"),
        ];
        psql(&orders, place.path(), &["--command", &earlier[0], "--command", &earlier[1]])?;
        ensure!(!shop.books.audit(false).await?.in_order, "a debit without an order is none of the books' laws");

        let script = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recovery").join(name);
        let (lost_orders, ask_again) = (script("lost-orders.sql"), script("ask-again.sql"));
        psql(&payments, place.path(), &["--command", &wanted(&lost_orders)?])?;
        for script in [lost_orders, ask_again] {
            psql(&orders, place.path(), &["--file", script.to_str().context("a path in UTF-8")?])?;
        }
        shop.start().await?;
        for order in [&lost, &waiting] {
            assert_eq!(user.outcome(order).await?, "FINISHED");
        }
        assert_eq!(user.balance().await?, "7.00", "nobody was charged again");
        Ok(Arc::default())
    })
    .await
}
