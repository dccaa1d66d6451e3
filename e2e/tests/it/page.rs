//! The page in a real browser: its own tests (web/e2e) against the embedded shop, and against two instances of each service.
//! Absent: what the browser does; that is written in TypeScript beside the page.

use crate::npm::{directory, program};
use anyhow::{Context, ensure};
use e2e::{Gateway, Plan, Result, Shop, SignIn, Upstreams};
use std::sync::Arc;

/// Of a sample one part in so many runs; the seed says which.
const PARTS: u64 = 4;

/// Runs the page's tests in the browser, or a part of them; the variables say what they may use beyond the first shop.
async fn browse(first: &str, variables: &[(&str, &str)], which: &[&str]) -> Result<()> {
    let mut playwright = program("web", "playwright", &[&["test"], which].concat());
    if !testbed::is_exhaustive() && !which.contains(&"--shard") {
        playwright.args(["--fully-parallel", &format!("--shard={}/{PARTS}", testbed::seed() % PARTS + 1)]);
    }
    playwright.env("SHOP_URL", first).envs(variables.iter().copied());
    let output = playwright.output().await?;
    ensure!(output.status.success(), "the browser's tests failed: {}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_passes_its_browser_tests_on_the_embedded_shop() -> Result<()> {
    let page = directory("web/dist");
    let page = page.to_str().context("a path in UTF-8")?;
    let shop = Shop::embedded_with(&[("WEB_DIR", page)]).await?;
    shop.judged_after(async |shop: &mut Shop| {
        browse(&shop.base()?, &[], &[]).await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_told_of_orders_placed_on_the_other_instance() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let behind = |one| Gateway::open(&Upstreams::of(&shop.orders[one..=one], &shop.payments[one..=one])?);
        let (first, second) = (behind(0)?, behind(1)?);
        let specs = ["shopping.spec.ts", "push.spec.ts", "documentation.spec.ts"];
        browse(&first.page_url, &[("SHOP_URL_2", &second.page_url)], &specs).await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_payments_has_not_decided_is_cancelled_on_the_page_and_refunded() -> Result<()> {
    // One payments: it sees the request before the cancel, so there is something to refund.
    let shop = Plan::of(1, 1).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let gateway = Gateway::open(&Upstreams::of(&shop.orders, &shop.payments)?)?;
        let payments = shop.payments[0].id()?.to_string();
        browse(&gateway.page_url, &[("PAYMENTS", &payments)], &["cancelling.spec.ts"]).await?;
        Ok(Arc::default())
    })
    .await
}

/// Behind the book's proxy, with a server of sessions of the test's.
async fn sessions_change_hands(socket_age: &str, variables: &[(&str, &str)], which: &[&str]) -> Result<()> {
    let shop = Shop::embedded_with(&[("SOCKET_AGE", socket_age)]).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let gateway = Gateway::open(&Upstreams::of(&shop.orders, &shop.orders)?)?;
        let sign_in = SignIn::before(&gateway)?;
        let variables = [variables, &[("SESSIONS", sign_in.sessions.as_str())]].concat();
        browse(&sign_in.url, &variables, &[&["session.spec.ts"], which].concat()).await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_changes_hands_behind_the_books_proxy_has_nothing_done_for_another() -> Result<()> {
    sessions_change_hands("1h", &[], &[]).await
}

/// Sockets live for two seconds here, so that it soon asks again. One test, so there is no part of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_nobody_touches_finds_out_by_itself_that_its_session_changed_hands() -> Result<()> {
    sessions_change_hands("2s", &[("SHORT_SOCKETS", "1")], &["--grep", "nobody touches", "--shard", "1/1"]).await
}
