//! schemathesis, which knows nothing of the shop but its OpenAPI documents: what they promise holds for whatever they allow and forbid.
//! Absent: which checks are made, and with which seed; strangers/schemathesis.toml says that.

use anyhow::{Context, ensure};
use e2e::{Result, Shop};
use std::{path::PathBuf, process::Stdio, sync::Arc};
use tokio::process::Command;

/// Requests for each call and phase: as a whole, as many as fit into a minute for both documents on a small machine, and as a sample.
const EXAMPLES: (&str, &str) = ("40", "5");

/// Lets it loose on the calls of one document. It must find nothing.
async fn test(document: &str) -> Result<()> {
    let home = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../strangers");
    let examples = if testbed::is_exhaustive() { EXAMPLES.0 } else { EXAMPLES.1 };
    let mut program = Command::new(home.join(".venv/bin/schemathesis"));
    program.args(["--config-file", "schemathesis.toml", "run", document, "--max-examples", examples, "--no-color"]);
    // It keeps what it found for the next run; here each run is like the first.
    program.args(["--generation-database", "none"]);
    program.current_dir(home).stdin(Stdio::null()).kill_on_drop(true);
    let output = program.output().await.context("schemathesis is missing: run this test through `cargo xtask test`")?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    // Phases without a single case are no success.
    for phase in ["Examples", "Coverage", "Fuzzing", "Stateful"] {
        ensure!(told.contains(&format!("✅ {phase}")), "{phase} did not take place:\n{told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_in_the_embedded_shop() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let base = shop.base()?;
        for service in ["orders", "payments"] {
            test(&format!("{base}/{service}/openapi.json")).await?;
        }
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_in_the_services_on_servers() -> Result<()> {
    let shop = e2e::Plan::of(1, 1).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        test(&format!("{}/orders/openapi.json", shop.orders[0].base()?)).await?;
        test(&format!("{}/payments/openapi.json", shop.payments[0].base()?)).await?;
        Ok(Arc::default())
    })
    .await
}
