//! pgbench with the five commits of an order. Absent: the statements; they are in `sql/order.sql`, to be read.

use super::tables;
use crate::{lab::Lab, rounds::Figures, stats};
use anyhow::{Context, Result, ensure};
use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/order.sql");
/// As many as make it fastest on two cores and a few more.
const CLIENTS: &str = "8";

/// A database for pgbench, and how many accounts the orders shall go to.
pub struct Pgbench {
    program: PathBuf,
    url: String,
    accounts: usize,
}

impl Pgbench {
    /// Creates the database.
    ///
    /// # Errors
    /// When that fails, or there is no pgbench.
    pub async fn prepare(lab: &Lab, accounts: usize) -> Result<Self> {
        let program = testbed::pgbench().context("pgbench is missing; it comes with PostgreSQL")?;
        Ok(Self { program, url: tables::create(lab.postgres_url()).await?, accounts })
    }

    /// Runs it for so long; gives the orders a second.
    ///
    /// # Errors
    /// With its output, when it fails.
    pub async fn measure(&self, time: Duration) -> Result<Figures> {
        let mut command = Command::new(&self.program);
        command.args(["--no-vacuum", "--protocol=prepared", "--client", CLIENTS, "--jobs", "2", "--file", SCRIPT]);
        command.arg(format!("--define=accounts={}", self.accounts)).arg(format!("--time={}", time.as_secs()));
        let output = command.arg(&self.url).stdin(Stdio::null()).output().await.context("pgbench cannot be run")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "pgbench failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        let orders = per_second(&text).with_context(|| format!("pgbench names no rate: {text}"))?;
        Ok(Figures::default().with(stats::FINAL_PER_S, orders))
    }
}

/// From `tps = 2712.345678 (without initial connection time)`.
fn per_second(output: &str) -> Option<f64> {
    let line = output.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_what_pgbench_says() {
        let output = "latency average = 2.9 ms\ntps = 2712.5 (without initial connection time)\n";
        assert!((per_second(output).unwrap() - 2712.5).abs() < f64::EPSILON);
        assert!(per_second("pgbench: error").is_none());
    }
}
