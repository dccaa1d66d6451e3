//! The program itself: its options, what it prints, and its exit code. Absent: what the library's own tests prove already.

use crate::{
    book,
    shop::{Shop, TestResult},
};
use gozon::config;
use messaging::parking::{self, State};
use sea_orm::EntityTrait;
use std::{fs, path::Path, process::Output, time::Duration};
use store::Micros;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

/// Longer than the program takes to give a database up, on a machine that compiles at the same time.
const LIMIT: Duration = Duration::from_secs(60);

/// The program, deaf to the options that the environment of the tests may hold.
fn gozon() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gozon"));
    for variable in ["ORDERS_URL", "PAYMENTS_URL", "DATA_DIR", "BROKER_URL", "SETTLED", "JSON"] {
        command.env_remove(variable);
    }
    command.kill_on_drop(true);
    command
}

async fn run<'a>(args: impl IntoIterator<Item = &'a str>) -> TestResult<Output> {
    ended(gozon().args(args)).await
}

/// A command that does not end (a shop that was opened by mistake) is a failure, and killed.
async fn ended(command: &mut Command) -> TestResult<Output> {
    Ok(timeout(LIMIT, command.output()).await??)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A data directory with healthy books.
async fn data_dir() -> TestResult<(TempDir, Shop)> {
    let dir = tempfile::Builder::new().prefix("data dir #1 ").tempdir()?;
    for file in [config::ORDERS_FILE, config::PAYMENTS_FILE] {
        fs::File::create(dir.path().join(file))?;
    }
    let shop = Shop::open(config::embedded(dir.path())?).await?;
    book::healthy(&shop).await?;
    Ok((dir, shop))
}

fn path(dir: &Path) -> &str {
    dir.to_str().expect("temporary directories have plain names")
}

#[tokio::test]
async fn an_audit_of_healthy_books_prints_a_table_and_exits_with_0() -> TestResult {
    let (dir, _shop) = data_dir().await?;
    let output = run(["audit", "--data-dir", path(dir.path()), "--settled"]).await?;
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{table}{}", text(&output.stderr));
    let row = table.lines().find(|line| line.starts_with("chain-seq")).ok_or("no row for chain-seq")?;
    let row: Vec<_> = row.split_whitespace().take(4).collect();
    assert_eq!(row, ["chain-seq", "6", "0", "each"], "check, rows, violations, law");
    assert_eq!(table.lines().last(), Some("books: in order"));
    assert_eq!(text(&output.stderr), "");
    Ok(())
}

#[tokio::test]
async fn an_audit_of_wrong_books_names_the_violation_and_exits_with_1() -> TestResult {
    let (dir, shop) = data_dir().await?;
    Shop::run(&shop.payments, "UPDATE entries SET seq = 9 WHERE user_id = 'ann' AND seq = 4").await?;
    let output = run(["audit", "--data-dir", path(dir.path())]).await?;
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.contains("violated: chain-seq: ann#9\n"), "{table}");
    assert_eq!(table.lines().last(), Some("books: 1 violations"));

    let output = ended(gozon().arg("audit").env("DATA_DIR", dir.path()).env("JSON", "true")).await?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&report["in_order"], &report["violations"]), (&false.into(), &1.into()));
    let findings = report["findings"].as_array().ok_or("findings")?;
    let finding = findings.iter().find(|finding| finding["check"] == "chain-seq").ok_or("no chain-seq")?;
    assert_eq!((&finding["violations"], &finding["examples"][0]), (&1.into(), &"ann#9".into()));
    Ok(())
}

#[tokio::test]
async fn only_a_settled_audit_minds_orders_in_flight() -> TestResult {
    let (dir, shop) = data_dir().await?;
    book::in_flight(&shop).await?;
    for (settled, code) in [("false", 0), ("true", 1)] {
        let output = ended(gozon().args(["audit", "--data-dir", path(dir.path())]).env("SETTLED", settled)).await?;
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stdout));
    }
    Ok(())
}

#[tokio::test]
async fn a_bad_option_is_one_line_and_exits_with_2() -> TestResult {
    let (dir, _shop) = data_dir().await?;
    let dir = path(dir.path());
    let amqp = ["dead", "list", "--data-dir", dir, "--broker-url", "http://localhost"];
    let kafka = ["dead", "list", "--data-dir", dir, "--broker-url", "kafka://user:secret@localhost"];
    let no_kafka = if cfg!(feature = "kafka") { "must be kafka://" } else { "this program was built without Kafka" };
    let cases: [(&[&str], &str); 13] = [
        (&["up", "--listen", "nowhere"], "--listen <ADDRESS>"),
        (
            &["up", "--otel-exporter-otlp-endpoint", "localhost:4318"],
            "--otel-exporter-otlp-endpoint: must be the base URL",
        ),
        (&["up", "--otel-exporter-otlp-endpoint", "https://localhost:4318"], "https is not spoken here"),
        (&["up", "--otel-traces-sampler-arg", "1.1"], "must be a number from 0 to 1"),
        (&["audit"], "--orders-url <URL> --payments-url <URL>"),
        (&["audit", "--orders-url", "sqlite:///tmp/x.db"], "--payments-url <URL>"),
        (
            &["audit", "--orders-url", "mysql://x/y", "--payments-url", "sqlite:///tmp/x.db"],
            "--orders-url: must be postgres://",
        ),
        (&["audit", "--data-dir", dir, "--orders-url", "sqlite:///tmp/x.db"], "cannot be used with"),
        (&["audit", "--data-dir", dir, "--no-such"], "--no-such"),
        (&["dead", "discard", "--data-dir", dir], "<IDS>"),
        (&["dead", "discard", "--data-dir", dir, "--all", "x"], "cannot be used with"),
        (&amqp, "--broker-url: must be amqp://"),
        (&kafka, no_kafka),
    ];
    for (args, words) in cases {
        let output = run(args.iter().copied()).await?;
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(words) && error.lines().count() == 1, "{args:?}: {error}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
    let output = ended(gozon().args(["audit", "--data-dir", dir]).env("SETTLED", "perhaps")).await?;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_not_there_is_one_line_and_exits_with_1() -> TestResult {
    let dir = tempfile::tempdir()?;
    let file = format!("sqlite://{}", dir.path().join("payments.db").display());
    let nobody = "postgres://postgres@127.0.0.1:1/none";
    for (args, words) in [
        (vec!["audit", "--data-dir", path(dir.path())], "the orders database cannot be reached: there is no file"),
        (
            vec!["dead", "list", "--data-dir", path(dir.path())],
            "the orders database cannot be reached: there is no file",
        ),
        (vec!["audit", "--orders-url", nobody, "--payments-url", &file], "the payments database cannot be reached"),
        (vec!["audit", "--orders-url", nobody, "--payments-url", nobody], "the orders database cannot be reached"),
    ] {
        let output = run(args.iter().copied()).await?;
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert!(error.contains(words) && error.lines().count() == 1, "{args:?}: {error}");
    }
    assert_eq!(fs::read_dir(dir.path())?.count(), 0, "an audit makes no files");

    fs::File::create(dir.path().join("orders.db"))?;
    fs::File::create(dir.path().join("payments.db"))?;
    let output = run(["audit", "--data-dir", path(dir.path())]).await?;
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("the orders database cannot be read") && error.contains("no such table"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_database_of_the_other_service_or_of_an_older_version_is_one_line_and_exits_with_1() -> TestResult {
    let (dir, shop) = data_dir().await?;
    let url = |file| format!("sqlite://{}", dir.path().join(file).display());
    let (orders, payments) = (url(config::ORDERS_FILE), url(config::PAYMENTS_FILE));
    let exchanged = ["audit", "--orders-url", &payments, "--payments-url", &orders];
    let right = ["audit", "--orders-url", &orders, "--payments-url", &payments];
    let refused = async |args: [&str; 5], words: &str| {
        let output = run(args).await?;
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(words) && error.lines().count() == 1, "{error}");
        TestResult::Ok(())
    };
    refused(exchanged, "belongs to payments-svc").await?;
    Shop::run(&shop.payments, "DROP TABLE identity").await?;
    refused(right, "the payments database is not as it should be: its schema is older").await
}

#[tokio::test]
async fn two_databases_are_shown_made_a_pair_and_given_new_identities() -> TestResult {
    let (dir, shop) = data_dir().await?;
    let message = "INSERT INTO outbox (id, routing_key, partition_key, body, lease_until, created_at)
        VALUES ([m1], 'k', 'p', '{\"id\":\"x\",\"origin\":\"old\"}', 0, 1)";
    Shop::run(&shop.orders, message).await?;
    let pair = async |more: &[&str]| {
        let args = [&["pair", "--data-dir", path(dir.path())], more].concat();
        let output = run(args).await?;
        assert_eq!(text(&output.stderr), "");
        TestResult::Ok((output.status.code(), text(&output.stdout)))
    };
    let (code, before) = pair(&[]).await?;
    assert!(code == Some(0) && before.contains("do not know each other yet"), "{before}");
    let (code, joined) = pair(&["--accept"]).await?;
    assert!(code == Some(0) && joined.contains("they belong together"), "{joined}");
    let (_, renewed) = pair(&["--new"]).await?;
    assert!(renewed.contains("they belong together"), "{renewed}");
    let identity = |table: &str| table.lines().find_map(|line| line.strip_prefix("orders ")).map(str::to_owned);
    assert_ne!(identity(&joined), identity(&renewed));
    let waiting = entities::messaging::outbox::Entity::find().one(&shop.orders).await?.ok_or("it waits")?;
    let event: serde_json::Value = serde_json::from_str(&waiting.body)?;
    let row = launch::meaning::read(&shop.orders).await?;
    assert_eq!(event["origin"], row.database_id.to_string(), "what waits is sent under the new identity");
    assert_eq!(event["peer"].as_str().map(str::to_owned), row.partner_id.map(|partner| partner.to_string()));

    Shop::run(&shop.payments, "UPDATE identity SET partner_id = [m1]").await?;
    let (code, apart) = pair(&[]).await?;
    assert!(code == Some(1) && apart.contains("do not belong together"), "{apart}");
    let output = run(["audit", "--data-dir", path(dir.path())]).await?;
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("its partner is the database") && error.lines().count() == 1, "{error}");
    assert_eq!(pair(&["--accept"]).await?.0, Some(0), "an operator knows better");
    assert_eq!(run(["audit", "--data-dir", path(dir.path())]).await?.status.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn help_names_every_variable_and_hides_its_value() -> TestResult {
    let output = ended(gozon().args(["audit", "--help"]).env("ORDERS_URL", "postgres://u:secret@h/d")).await?;
    let help = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(0));
    for variable in ["ORDERS_URL", "PAYMENTS_URL", "DATA_DIR", "SETTLED", "JSON"] {
        assert!(help.contains(&format!("[env: {variable}")), "{variable}: {help}");
    }
    assert!(!help.contains("secret"));
    Ok(())
}

#[tokio::test]
async fn dead_messages_are_listed_shown_replayed_and_discarded_by_id() -> TestResult {
    let (dir, shop) = data_dir().await?;
    let dir = path(dir.path());
    let store = &shop.databases.payments;
    parking::save(store, "payments.requests", None, b"\xff\x00", State::Dead, "not JSON", Micros(1)).await?;
    let id = parking::list(store, 1).await?[0].id.to_string();
    let unknown = "00000000-0000-0000-0000-000000000000";
    let cases: [(&[&str], i32, &str); 8] = [
        (&["list"], 0, "payments.requests  dead"),
        (&["list", "--json"], 0, "\"state\": \"dead\""),
        (&["show", &id], 0, "\nff 00\n"),
        (&["replay", &id, unknown], 1, "there is no message 00000000"),
        (&["replay", &id], 0, "left alone"),
        (&["discard", "--all"], 0, "nothing to do"),
        (&["discard", &id], 0, "discarded"),
        (&["discard", &id], 1, "there is no message"),
    ];
    for (args, code, words) in cases {
        let output = run(["dead", args[0], "--data-dir", dir].into_iter().chain(args[1..].iter().copied())).await?;
        let answer = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {answer}{}", text(&output.stderr));
        assert!(answer.contains(words), "{args:?}: {answer}");
    }
    let output = run(["dead", "show", "--data-dir", dir, &id]).await?;
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), format!("gozon: there is no message {id}\n")));
    Ok(())
}
