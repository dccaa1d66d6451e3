//! The benchmarks still run: every scenario, for seconds. Absent: any judgement of its figures, which mean nothing here.
#![cfg(feature = "servers")]

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    fs::File,
    path::Path,
    process::{Command, Output},
};

fn bench(arguments: &[&str], json: &Path) -> Result<Output> {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    Ok(bench.args(["--quick", "--json"]).arg(json).args(arguments).output()?)
}

fn outcomes(arguments: &[&str]) -> Result<Vec<Value>> {
    let dir = tempfile::tempdir()?;
    let json = dir.path().join("bench.json");
    let output = bench(arguments, &json)?;
    let (table, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{table}{errors}");
    let report: Value = serde_json::from_reader(File::open(json)?)?;
    report["outcomes"].as_array().cloned().with_context(|| format!("no outcomes in {report}"))
}

fn has_figures(outcome: &Value) -> bool {
    let comparisons = outcome["measured"]["comparisons"].as_array().map(Vec::as_slice).unwrap_or_default();
    let finite = |comparison: &Value| comparison["ratio"].as_f64().is_some_and(|ratio| ratio >= 0.0);
    !comparisons.is_empty() && comparisons.iter().all(finite)
}

#[test]
fn every_scenario_has_figures_on_servers() -> Result<()> {
    let outcomes = outcomes(&["--deployment", "servers"])?;
    assert_eq!(outcomes.len(), 10);
    assert!(outcomes.iter().all(has_figures), "{outcomes:#?}");
    Ok(())
}

#[test]
fn spread_has_figures_embedded_and_with_two_instances() -> Result<()> {
    let outcomes = outcomes(&["--scenario", "spread-64", "--deployment", "embedded", "--deployment", "two"])?;
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(has_figures), "{outcomes:#?}");
    Ok(())
}
