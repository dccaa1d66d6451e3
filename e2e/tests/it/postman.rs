//! The Postman collection, run by newman against the embedded shop and against separate services behind the gateway.
//! Absent: what is asked and expected; the collection says that, and its own tests (postman/tests) say what it must cover.

use crate::npm::program;
use anyhow::{Context, ensure};
use e2e::{Gateway, Plan, Result, Shop, Upstreams};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// Runs the collection `times` times; every one of its requests must be sent, and every check must pass.
async fn run(times: u32, shop: &str, orders: &str, payments: &str) -> Result<()> {
    let report = tempfile::NamedTempFile::new()?;
    let mut newman = program("postman", "newman", &["run", "gozon.postman_collection.json"]);
    newman.args(["--environment", "gozon.postman_environment.json", "--iteration-count", &times.to_string()]);
    for (variable, value) in [("baseUrl", shop), ("ordersUrl", orders), ("paymentsUrl", payments)] {
        newman.arg("--env-var").arg(format!("{variable}={value}"));
    }
    newman.args(["--reporters", "cli,json", "--color", "off", "--reporter-json-export"]).arg(report.path());
    let output = newman.output().await.context("newman cannot be started: npm ci in postman/")?;
    ensure!(output.status.success(), "newman: {}", String::from_utf8_lossy(&output.stdout));
    let report: Value = serde_json::from_slice(&std::fs::read(report.path())?)?;
    assert_eq!(sent(&report), requests(&report["collection"]), "a request was skipped");
    Ok(())
}

/// The names of the requests that were answered.
fn sent(report: &Value) -> BTreeSet<&str> {
    let executions = report["run"]["executions"].as_array().into_iter().flatten();
    executions.filter(|sent| !sent["response"].is_null()).filter_map(|sent| sent["item"]["name"].as_str()).collect()
}

/// The names of the requests in a folder.
fn requests(folder: &Value) -> BTreeSet<&str> {
    match folder["item"].as_array() {
        Some(items) => items.iter().flat_map(requests).collect(),
        None => folder["name"].as_str().into_iter().collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collection_passes_on_the_embedded_shop_and_passes_again() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let base = shop.base()?;
        run(2, &base, &base, &base).await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collection_passes_on_separate_services_behind_the_gateway() -> Result<()> {
    let shop = Plan::of(1, 1).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let gateway = Gateway::open(&Upstreams::of(&shop.orders, &shop.payments)?)?;
        run(1, &gateway.url, &shop.orders[0].base()?, &shop.payments[0].base()?).await?;
        Ok(Arc::default())
    })
    .await
}
