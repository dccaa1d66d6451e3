//! The page in a real browser: its own tests (web/e2e) against the embedded shop, and against two instances of each service.
//! Absent: what the browser does; that is written in TypeScript beside the page.

use crate::npm::{directory, origin, program};
use anyhow::{Context, ensure};
use e2e::{Plan, Result, Shop};
use std::sync::Arc;

/// Runs the page's tests in the browser.
async fn browse(first: &str, second: Option<&str>, which: &[&str]) -> Result<()> {
    let mut playwright = program("web", "playwright", &[&["test"], which].concat());
    playwright.env("SHOP_URL", first);
    if let Some(second) = second {
        playwright.env("SHOP_URL_2", second);
    }
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
        browse(&shop.base()?, None, &[]).await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_told_of_orders_placed_on_the_other_instance() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (first, _one) = origin(&shop.orders[0], &shop.payments[0]).await?;
        let (second, _two) = origin(&shop.orders[1], &shop.payments[1]).await?;
        browse(&first, Some(&second), &["shopping.spec.ts", "push.spec.ts"]).await?;
        Ok(Arc::default())
    })
    .await
}
