//! What the sources say about the crash points: each has its row, and no boundary is without a point on each side.
//! Absent: running anything.

use super::rows::ROWS;
use anyhow::Context;
use e2e::Result;
use std::{collections::BTreeSet, fs, path::Path};

/// The crates that the product is made of.
const PRODUCT: [&str; 10] = [
    "store",
    "messaging",
    "supervision",
    "telemetry",
    "edge",
    "launch",
    "migration",
    "orders-svc",
    "payments-svc",
    "gozon",
];
/// Words by which a boundary is recognised: something is made durable, published, announced or acknowledged.
const BOUNDARIES: [&str; 13] = [
    ".commit()",
    "broker.publish(",
    "broker.announce(",
    "basic_publish(",
    "basic_ack(",
    "basic_nack(",
    "receipt.settle(",
    "Reports::of(",
    "one(link, ",
    "consumer.commit(",
    "PLACE.query(",
    "WRITE.commit(",
    ".execute(store.connection()",
];
/// How a point begins.
const POINTS: [&str; 2] = ["failpoints::point!(", "failpoints::thread_point!("];
/// How many lines away a point may stand.
const NEAR: usize = 9;
/// Boundaries without a point on each side: the file, what stands in the line, and why. Each is the excuse of one line.
const EXCUSED: [(&str, &str, &str); 16] = [
    (
        "store/src/open.rs",
        "self.unit.commit()",
        "its callers have the points; where it ends a transaction of many, writers.rs has",
    ),
    ("store/src/together.rs", "tx.commit()", "its caller has them: settling::…-commit"),
    ("messaging/src/inbox.rs", "tx.commit()", "try_write only finds out whether writing is possible"),
    ("messaging/src/outbox.rs", "sql.execute(store.connection()", "its callers, delete and release, have the points"),
    ("messaging/src/outbox.rs", "tx.commit()", "its callers, delete and release, have the points"),
    ("messaging/src/broker/rabbitmq/announcing.rs", "basic_publish(", "its caller has them: pushing::…-announce"),
    ("messaging/src/broker/rabbitmq/dead.rs", "basic_ack(", "an operator's discard, who sees whether it ended"),
    ("messaging/src/broker/rabbitmq/dead.rs", "basic_ack(", "an operator's replay, who sees whether it ended"),
    (
        "messaging/src/broker/rabbitmq/dead.rs",
        "basic_nack(",
        "an operator's look; the broker does the same when it breaks off",
    ),
    ("messaging/src/broker/kafka/publish.rs", "Reports::of(", "its callers, dead and listening, have the points"),
    ("messaging/src/broker/kafka/dead.rs", "one(link, ", "an operator's replay, who sees whether it ended"),
    ("messaging/src/broker/kafka/dead.rs", "one(link, ", "an operator's settling, who sees whether it ended"),
    ("messaging/src/broker/kafka/listening.rs", "one(link, ", "its caller has them: pushing::…-announce"),
    (
        "messaging/src/pair.rs",
        "tx.commit()",
        "once in a database's life; the message that it is learned from is not acknowledged yet, and learning again is the same",
    ),
    ("gozon/src/pair.rs", "transaction.commit()", "an operator's command, who sees whether it ended"),
    (
        "migration/src/exclusive.rs",
        "transaction.commit()",
        "nothing follows from it; all or nothing, as its own tests show",
    ),
];

/// A source file of the product, without its tests.
struct Source {
    /// Below the workspace.
    path: String,
    text: String,
}

fn workspace() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a crate lies in the workspace")
}

fn collect(folder: &Path, found: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path)?;
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            found.push(Source { path: path.strip_prefix(workspace()?)?.display().to_string(), text });
        }
    }
    Ok(())
}

fn sources() -> Result<Vec<Source>> {
    let mut found = Vec::new();
    for part in PRODUCT {
        collect(&workspace()?.join(part).join("src"), &mut found)?;
    }
    Ok(found)
}

/// The names of the points in a text.
fn points(text: &str) -> impl Iterator<Item = &str> {
    let begin = POINTS.iter().flat_map(|point| text.split(point).skip(1));
    begin.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
}

fn is_side(line: &str, side: &str) -> bool {
    line.split("::").any(|word| word.starts_with(side))
}

/// The lines with a boundary that has not a point on each side.
fn unguarded(text: &str) -> Vec<&str> {
    let lines: Vec<_> = text.lines().collect();
    let has = |some: &[&str], side| points(&some.join("\n")).any(|point| is_side(point, side));
    let bare = |(number, line): (usize, &&str)| {
        let code = line.trim_start();
        let boundary = !code.starts_with("//") && BOUNDARIES.iter().any(|word| code.contains(word));
        let (before, after) = (&lines[number.saturating_sub(NEAR)..number], &lines[number + 1..]);
        boundary && !(has(before, "before-") && has(&after[..after.len().min(NEAR)], "after-"))
    };
    lines.iter().enumerate().filter(|(number, line)| bare((*number, line))).map(|(_, line)| line.trim()).collect()
}

#[test]
fn each_point_of_the_sources_has_its_row_and_each_row_its_point() -> Result<()> {
    let sources = sources()?;
    let there: BTreeSet<_> = sources.iter().flat_map(|source| points(&source.text)).collect();
    let rows: BTreeSet<_> = ROWS.iter().map(|row| row.point).collect();
    assert_eq!(there, rows);
    assert_eq!(rows.len(), ROWS.len(), "a row stands there twice");
    Ok(())
}

#[test]
fn no_boundary_is_without_a_point_on_each_side() -> Result<()> {
    let sources = sources()?;
    let mut excused = EXCUSED.to_vec();
    for Source { path, text } in &sources {
        for line in unguarded(text) {
            let excuse = excused.iter().position(|(file, word, _)| file == path && line.contains(word));
            let excuse = excuse.unwrap_or_else(|| panic!("{path} crosses a boundary without points: {line}"));
            excused.remove(excuse);
        }
    }
    assert!(excused.is_empty(), "an excuse that nobody needs: {excused:?}");
    Ok(())
}

#[test]
fn a_boundary_needs_a_point_before_it_and_one_behind_it() {
    let commit = "    tx.commit().await?;";
    let point = |side: &str| format!("    failpoints::point!(\"work::{side}-commit\", return Err(planted()));");
    let (before, after) = (point("before"), point("after"));
    for (text, bare) in [
        (format!("{before}\n{commit}\n{after}"), 0),
        (format!("{after}\n{commit}\n{before}"), 1),
        (format!("{before}\n{commit}"), 1),
        (format!("{commit}\n{after}"), 1),
        (format!("{before}{}{commit}\n{after}", "\n".repeat(NEAR + 2)), 1),
        (format!("{before}\n    // tx.commit().await\n"), 0),
    ] {
        assert_eq!(unguarded(&text).len(), bare, "{text}");
    }
}
