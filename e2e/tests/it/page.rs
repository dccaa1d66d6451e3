//! The page in a real browser: its own tests (web/e2e) against the embedded shop, and against two instances of each service.
//! Absent: what the browser does; that is written in TypeScript beside the page.

use anyhow::{Context, ensure};
use e2e::{Plan, Process, Result, Shop, until};
use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::Stdio,
    sync::Arc,
};
use tokio::process::{Child, Command};

/// A program of the page's own packages, without npx between it and us: it has to end when the test does.
fn program(name: &str, arguments: &[&str]) -> Command {
    let mut program = Command::new(web().join("node_modules/.bin").join(name));
    program.args(arguments).current_dir(web()).stdin(Stdio::null()).kill_on_drop(true);
    program
}

fn web() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../web")
}

/// Runs the page's tests in the browser.
async fn browse(first: &str, second: Option<&str>, which: &[&str]) -> Result<()> {
    let mut playwright = program("playwright", &[&["test"], which].concat());
    playwright.env("SHOP_URL", first);
    if let Some(second) = second {
        playwright.env("SHOP_URL_2", second);
    }
    let output = playwright.output().await?;
    ensure!(output.status.success(), "the browser's tests failed: {}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

/// The built page behind one origin with an instance of each service, as a gateway would have them.
async fn origin(orders: &Process, payments: &Process) -> Result<(String, Child)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut preview = program("vite", &["preview", "--strictPort", "--port", &port.to_string()]);
    preview.env("ORDERS_PROXY", orders.base()?).env("PAYMENTS_PROXY", payments.base()?).stdout(Stdio::null());
    let preview = preview.spawn()?;
    until("the page to be served", || async move { Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()) })
        .await?;
    Ok((format!("http://127.0.0.1:{port}"), preview))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_passes_its_browser_tests_on_the_embedded_shop() -> Result<()> {
    let page = web().join("dist");
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
