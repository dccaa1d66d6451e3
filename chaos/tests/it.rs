//! The fault run itself: its options, its plan, and a few seconds of it on real servers.
//! Absent: long runs; `cargo xtask ci` has one of a minute.

#[cfg(feature = "servers")]
use serde_json::Value;
#[cfg(feature = "servers")]
use std::fs;
use std::process::{Command, Output};

fn chaos(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chaos")).args(arguments).output().expect("chaos can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_same_seed_prints_the_same_plan() {
    let plan = |seed| chaos(&["--plan", "--seed", seed]);
    let first = plan("7");
    assert!(first.status.success());
    assert!(text(&first.stdout).starts_with("seed 7, 60 s, "), "{}", text(&first.stdout));
    assert_eq!(first.stdout, plan("7").stdout);
    assert_ne!(first.stdout, plan("8").stdout);
}

#[test]
fn a_bad_option_is_named_and_ends_with_2() {
    for (arguments, named) in [
        (&["--seconds", "2"][..], "--seconds"),
        (&["--seed", "x"], "--seed"),
        (&["--pay-within-seconds", "1"], "--pay-within-seconds"),
        (&["--faults"], "--faults"),
    ] {
        let refused = chaos(arguments);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(named), "{}", text(&refused.stderr));
    }
}

#[cfg(not(feature = "failpoints"))]
#[test]
fn failpoints_are_refused_by_a_build_that_has_none() {
    let refused = chaos(&["--failpoints", "rule::inbox=return"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--failpoints"), "{}", text(&refused.stderr));
}

#[cfg(not(feature = "kafka"))]
#[test]
fn kafka_is_refused_by_a_build_that_has_none() {
    let refused = chaos(&["--transport", "kafka"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--transport kafka"), "{}", text(&refused.stderr));
}

#[cfg(feature = "servers")]
#[test]
fn a_few_seconds_of_faults_leave_everything_in_order_and_a_report_that_says_so() {
    in_order(&["--seed", "3"], "seed 3, 12 s");
}

/// On a seed whose outages of the mock are shorter than a session: after longer ones it may take two members for one, and abort.
#[cfg(all(feature = "servers", feature = "kafka"))]
#[test]
#[ignore = "librdkafka's mock aborts in one run of ten (rdkafka_mock_cgrp.c: !member->resp), whatever the shop does; until there is a real Kafka"]
fn a_few_seconds_of_faults_on_kafka_leave_everything_in_order_as_well() {
    let report = in_order(&["--seed", "2", "--transport", "kafka"], "seed 2, 12 s on Kafka's mock");
    assert_eq!(report["plan"]["without"], serde_json::json!(["broker-emptied"]));
}

/// Twelve seconds, and the report.
#[cfg(feature = "servers")]
fn in_order(arguments: &[&str], title: &str) -> Value {
    let dir = tempfile::tempdir().expect("a directory");
    let json = dir.path().join("report.json");
    let run = chaos(&[&["--seconds", "12", "--json", json.to_str().expect("a path that is text")], arguments].concat());
    let (report, progress) = (text(&run.stdout), text(&run.stderr));
    assert!(run.status.success(), "{report}\n{progress}");
    assert!(report.contains(&format!("{title}: nothing lost, nothing doubled, nothing unexpected")), "{report}");
    let report: Value = serde_json::from_slice(&fs::read(json).expect("a report")).expect("JSON");
    assert_eq!(report["in_order"], true);
    assert!(report["faults"].as_object().is_some_and(|faults| faults.len() > 3), "{report:#}");
    for sums in [&report["wishes"]["orders"], &report["wishes"]["top-ups"]] {
        assert!(sums["acknowledged"].as_u64() > Some(0) && sums["acknowledged"] == sums["ok"], "{report:#}");
    }
    assert!(report["pushes"].as_u64() > Some(0));
    assert_eq!(report["dead"]["sorts"].as_array().map(Vec::len), Some(9), "of each sort of poison one was found");
    report
}
