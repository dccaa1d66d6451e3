//! What operators see: a real Prometheus reads a shop that has worked, by the project's own rules and dashboard.
//! Absent: RabbitMQ's page, which needs a plugin that the tests' broker has not, and Grafana, which only draws what is asked here.

use crate::private::dir;
use anyhow::{Context, ensure};
use e2e::{Plan, Process, Result, Shop, eventually};
use reqwest::Url;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use testbed::{Prometheus, promtool};
use tokio::task::spawn_blocking;

/// RabbitMQ's names in the rules and the dashboard, as its versions 3.10 and 4 have them.
const OF_RABBITMQ: [&str; 8] = [
    "rabbitmq_alarms_free_disk_space_watermark",
    "rabbitmq_alarms_memory_used_watermark",
    "rabbitmq_detailed_queue_consumers",
    "rabbitmq_detailed_queue_messages",
    "rabbitmq_detailed_queue_messages_ready",
    "rabbitmq_detailed_queue_messages_unacked",
    "rabbitmq_disk_space_available_bytes",
    "rabbitmq_disk_space_available_limit_bytes",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}

#[test]
fn promtool_accepts_the_configuration_and_every_alert_fires_when_it_should() -> Result<()> {
    for arguments in [["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]] {
        let output = promtool()?.args(arguments).current_dir(root().join("observability/prometheus")).output()?;
        let said = [output.stdout, output.stderr].concat();
        ensure!(output.status.success(), "promtool {arguments:?}:\n{}", String::from_utf8_lossy(&said));
    }
    let (alerts, tests) =
        (read("observability/prometheus/alerts.yml")?, read("observability/prometheus/alerts.test.yml")?);
    for alert in values(&alerts, "- alert: ") {
        let fires = format!("{{labels: 'ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"");
        ensure!(tests.contains(&fires), "{alert} has no test in which it fires");
    }
    Ok(())
}

#[test]
fn every_alert_leads_to_a_section_of_the_operators_book() -> Result<()> {
    let (alerts, book) = (read("observability/prometheus/alerts.yml")?, read("docs/operations.md")?);
    let sections: BTreeSet<_> = book.lines().filter_map(|line| Some(anchor(line.strip_prefix("## ")?))).collect();
    let leads: Vec<_> = values(&alerts, "runbook_url: docs/operations.md#").collect();
    ensure!(leads.len() == values(&alerts, "- alert: ").count(), "each alert leads somewhere");
    for lead in leads {
        ensure!(sections.contains(lead), "there is no section {lead} among {sections:?}");
    }
    Ok(())
}

/// What follows the key on the lines that begin with it.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| line.trim_start().strip_prefix(key))
}

/// How Markdown's readers name a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-'].contains(letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_rules_fit_a_shop_that_has_worked() -> Result<()> {
    let shop = Plan::of(1, 1).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        work(shop).await?;
        let operator = Operator::of(&shop.orders[0], &shop.payments[0]).await?;
        let (panels, rules) = (panels()?, operator.rules().await?);
        for query in panels.iter().filter(|query| !query.contains("rabbitmq_")) {
            operator.sees(query).await?;
        }
        let known = operator.names().await?;
        for name in panels.iter().chain(&rules).flat_map(|query| names(query)) {
            ensure!(known.contains(name) || OF_RABBITMQ.contains(&name), "there is no metric {name}");
        }
        Ok(Arc::default())
    })
    .await
}

/// An order of each ending, and an answer of each kind.
async fn work(shop: &Shop) -> Result<()> {
    let client = shop.client()?;
    let rich = client.user("ann").with_money("10").await?;
    let stranger = client.user("bob");
    let ends = [
        (&rich, "1", "FINISHED"),
        (&rich, "100", "CANCELLED insufficient_funds"),
        (&stranger, "1", "CANCELLED account_not_found"),
    ];
    for (user, amount, end) in ends {
        let order = user.order(amount).await?;
        assert_eq!(user.outcome(&order).await?, end);
    }
    let nowhere = reqwest::get(format!("{}/orders/nowhere", shop.base()?)).await?;
    ensure!(nowhere.status().is_client_error(), "{}", nowhere.status());
    Ok(())
}

/// The queries of all panels.
fn panels() -> Result<Vec<String>> {
    let dashboard: Value = serde_json::from_str(&read("observability/grafana/dashboards/gozon.json")?)?;
    let panels = dashboard["panels"].as_array().context("panels")?.iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let query = |target: &Value| {
        let query = target["expr"].as_str().context("a query")?;
        // What Grafana does with its variables.
        Ok(query.replace("$__rate_interval", "1m").replace("$__range", "1h"))
    };
    targets.map(query).collect()
}

/// The metrics that a query names: of its words, outside of quoted text, those with a `_` that are no function.
fn names(query: &str) -> impl Iterator<Item = &str> {
    let is_end = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
    let words = query.split('"').step_by(2).flat_map(move |bare| bare.split_inclusive(is_end));
    words.filter(|word| word.contains('_') && !word.ends_with('(')).map(move |word| word.trim_end_matches(is_end))
}

#[test]
fn the_metrics_of_a_query_are_told_from_its_functions_labels_and_texts() {
    let query =
        r#"histogram_quantile(0.9, sum by (le) (rate(a_b{x="c_d", le!="1"}[5m]))) > on (job) (e_f or g_h == 1)"#;
    assert_eq!(names(query).collect::<Vec<_>>(), ["a_b", "e_f", "g_h"]);
}

/// Somebody who looks at the shop through Prometheus.
struct Operator {
    prometheus: Prometheus,
}

impl Operator {
    async fn of(orders: &Process, payments: &Process) -> Result<Self> {
        let rules = root().join("observability/prometheus/alerts.yml").canonicalize()?;
        let job = |name: &str, process: &Process| {
            let base = process.base()?;
            let target = base.strip_prefix("http://").context("a URL")?;
            Ok(format!("  - {{job_name: {name}, static_configs: [{{targets: ['{target}']}}]}}\n"))
        };
        let jobs: Result<String> = [job("orders", orders), job("payments", payments)].into_iter().collect();
        let configuration = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\nscrape_configs:\n{}",
            rules.display(),
            jobs?
        );
        let prometheus = spawn_blocking(move || Prometheus::start(&dir(), &configuration)).await??;
        Ok(Self { prometheus })
    }

    /// Asks the API. `None` while it is not ready yet.
    async fn ask(&self, path: &str, query: &str) -> Result<Option<Value>> {
        let url = format!("{}/api/v1/{path}", self.prometheus.url());
        let answer = reqwest::get(Url::parse_with_params(&url, [("query", query)])?).await?;
        if answer.status() == 503 {
            return Ok(None);
        }
        let answer: Value = answer.json().await?;
        ensure!(answer["status"] == "success", "{query}: {answer}");
        Ok(Some(answer["data"].clone()))
    }

    /// Waits until the query shows something.
    async fn sees(&self, query: &str) -> Result<()> {
        eventually(query, || async move {
            let data = self.ask("query", query).await?;
            Ok(data.filter(|data| data["result"].as_array().is_some_and(|series| !series.is_empty())))
        })
        .await
        .map(drop)
    }

    /// The queries of all alerts, once each was asked without an error. In a healthy shop none fires.
    async fn rules(&self) -> Result<Vec<String>> {
        eventually("all rules to be evaluated", || async move {
            let Some(data) = self.ask("rules", "").await? else { return Ok(None) };
            let groups = data["groups"].as_array().context("groups")?.iter();
            let rules: Vec<_> = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten()).collect();
            let bad = |rule: &&&Value| rule["health"] == "err" || rule["state"] == "firing";
            ensure!(rules.iter().find(bad).is_none(), "{:?}", rules.iter().find(bad));
            let evaluated = !rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok");
            let queries = rules.iter().filter_map(|rule| rule["query"].as_str().map(str::to_owned));
            Ok(evaluated.then(|| queries.collect()))
        })
        .await
    }

    /// All names of metrics that it has gathered.
    async fn names(&self) -> Result<BTreeSet<String>> {
        let data = self.ask("label/__name__/values", "").await?.context("it answers")?;
        Ok(data.as_array().context("names")?.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }
}
