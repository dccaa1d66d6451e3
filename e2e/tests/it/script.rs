//! The walk-through of the README, run as a newcomer would run it.
//! Absent: the calls' details; the services' own tests have those.

use anyhow::Context;
use e2e::{Result, Shop};
use serde_json::Value;
use std::{path::Path, sync::Arc};
use tokio::process::Command;

/// The answers that the script shows, in order.
fn answers(shown: &str) -> Result<Vec<Value>> {
    let json = shown.lines().filter(|line| line.starts_with('{'));
    json.map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// One field of each item, all of them text.
fn column<'a>(items: &'a Value, field: &str) -> Result<Vec<&'a str>> {
    let items = items.as_array().with_context(|| format!("no list: {items}"))?;
    items.iter().map(|item| item[field].as_str().with_context(|| format!("{field} in {item}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_through_of_the_readme_does_what_it_says() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/walkthrough.sh");
        let output = Command::new("bash").arg(script).arg(shop.base()?).output().await?;
        let shown = String::from_utf8(output.stdout)?;
        assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stderr, b"", "curl has nothing to complain about");

        let answers = answers(&shown)?;
        let [
            account,
            topped_up,
            paid,
            too_dear,
            unknown,
            finals @ ..,
            regretted,
            wish,
            end,
            timeline,
            list,
            balance,
            statement,
        ] = &answers[..]
        else {
            panic!("too few answers: {shown}")
        };
        assert_eq!((&account["balance"], &topped_up["balance"]), (&"0.00".into(), &"100.00".into()));
        let outcomes: Vec<_> = finals.iter().map(|order| (&order["id"], &order["status"], &order["reason"])).collect();
        let [finished, cancelled] = ["FINISHED", "CANCELLED"].map(Value::from);
        let [too_poor, no_account] = ["insufficient_funds", "account_not_found"].map(Value::from);
        let expected = [
            (&paid["id"], &finished, &Value::Null),
            (&too_dear["id"], &cancelled, &too_poor),
            (&unknown["id"], &cancelled, &no_account),
        ];
        assert_eq!(outcomes, expected);
        let listed: Vec<_> = list["orders"].as_array().context("a list")?.iter().map(|order| &order["id"]).collect();
        assert_eq!(listed, [&regretted["id"], &too_dear["id"], &paid["id"]], "newest first, and only one's own");
        // The wish races with the payment; whoever wins, everything that is shown agrees.
        let in_time = wish["status"] == "NEW";
        assert!(in_time || wish["code"] == "order_already_final", "{wish}");
        let outcome = (&end["id"], end["status"].as_str(), end["reason"].as_str());
        let expected = if in_time { ("CANCELLED", Some("cancelled_by_user")) } else { ("FINISHED", None) };
        assert_eq!(outcome, (&regretted["id"], Some(expected.0), expected.1));
        let steps = column(&timeline["events"], "what")?;
        assert_eq!(steps.contains(&"cancel_requested"), in_time, "{timeline}");
        assert!(steps.contains(&"settled") && timeline["waiting_for"].is_null(), "{timeline}");
        assert_eq!(balance["balance"], if in_time { "50.00" } else { "40.00" });
        let amounts = column(&statement["transactions"], "amount")?;
        let before = amounts.strip_suffix(&["-50.00", "100.00"]).context("the walk-through's first entries")?;
        let possible: &[&[&str]] = if in_time { &[&[], &["10.00", "-10.00"]] } else { &[&["-10.00"]] };
        assert!(possible.contains(&before), "{statement}");
        Ok(Arc::default())
    })
    .await
}
