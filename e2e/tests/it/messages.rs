//! What a hostile or careless network can do with messages: twice, late, under another id, contradicting, and poison.
//! Absent: losing them; a broker may not, and an outbox that was not confirmed sends again (outages).

use crate::private;
use anyhow::Context;
use e2e::{Plan, Result, Shop, broker::Visitor, until};
use lapin::BasicProperties;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn every_message_twice_and_under_another_id_comes_to_the_same() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let visitor = shop.broker()?.visit().await?;
        let mut tap = visitor.tap().await?;
        let user = shop.client()?.user("ann").with_money("5").await?;
        let mut orders = Vec::new();
        for _ in 0..10 {
            orders.push(user.order("1").await?);
        }
        let mut outcomes = Vec::new();
        for order in &orders {
            outcomes.push(user.outcome(order).await?);
        }
        assert_eq!(outcomes.iter().filter(|outcome| *outcome == "FINISHED").count(), 5);
        // Ten requests and ten answers. Money that comes now would pay what was declined, if it were asked for anew.
        let said = tap.take(20).await?;
        user.top_up("100", None).await?.expect(200)?;
        for message in &said {
            visitor.say(message).await?;
            visitor.say(&message.under_another_id()).await?;
        }
        // Each of the twenty requests is answered again, the same as the first time; the answers come among the copies.
        let answers: Vec<_> =
            tap.take(60).await?.into_iter().filter(|message| message.routing_key != "payment.requested").collect();
        assert_eq!(answers.len(), 40, "{answers:?}");
        for answer in answers {
            let order = answer.body["subject"].as_str().context("a subject")?;
            let index = orders.iter().position(|known| known == order).context("an answer about a strange order")?;
            assert_eq!(answer.routing_key == "payment.succeeded", outcomes[index] == "FINISHED", "{answer:?}");
        }
        for (order, outcome) in orders.iter().zip(&outcomes) {
            assert_eq!(user.outcome(order).await?, *outcome, "final is final");
        }
        assert_eq!(user.balance().await?, "100.00");
        visitor.leave().await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_contradicts_a_final_order_changes_nothing_and_is_counted() -> Result<()> {
    let shop = Plan::of(1, 1).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let visitor = shop.broker()?.visit().await?;
        let mut tap = visitor.tap().await?;
        let client = shop.client()?;
        let user = client.user("ann").with_money("5").await?;
        let orders = [user.order("5").await?, user.order("5").await?];
        let outcomes = [user.outcome(&orders[0]).await?, user.outcome(&orders[1]).await?];
        let before = user.all_orders().await?;
        for answer in tap.take(4).await?.iter().filter(|message| message.routing_key != "payment.requested") {
            visitor.say(&answer.contradicted()).await?;
        }
        let counted = async || Ok(client.counted("orders_payment_contradictions_total", "").await? == 2);
        until("both contradictions to be counted", counted).await?;
        assert_eq!(user.all_orders().await?, before, "not even a version has changed");
        assert_eq!([user.outcome(&orders[0]).await?, user.outcome(&orders[1]).await?], outcomes);
        visitor.leave().await?;
        Ok(Arc::default())
    })
    .await
}

/// Bodies that nobody can handle, each with the words in which its reason begins.
fn poison(good: &Value) -> Vec<(Vec<u8>, BasicProperties, &'static str)> {
    let plain = BasicProperties::default;
    let with = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).expect("a request has this") = value;
        changed.to_string().into_bytes()
    };
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    let latin_1 = [&br#"{"specversion":"1.0","source":"/caf"#[..], &[0xe9], &br#""}"#[..]].concat();
    let in_charset = plain().with_content_type("application/cloudevents+json; charset=utf-16".into());
    vec![
        (b"not json".to_vec(), plain(), "not a CloudEvent 1.0"),
        (Vec::new(), plain(), "not a CloudEvent 1.0"),
        (b"{\"nul\": \"\\u0000\"}\0".to_vec(), plain(), "not a CloudEvent 1.0"),
        (with("/type", json!("gozon.payment.requested.v2")), plain(), "unknown message type"),
        (with("/type", json!("gozon.order.refunded.v1")), plain(), "unknown message type"),
        (with("/specversion", json!("0.3")), plain(), "not a CloudEvent 1.0"),
        (with("/data/amount_minor", json!(0)), plain(), "the data of gozon.payment.requested.v1"),
        (with("/data/amount_minor", json!(1e3)), plain(), "the data of gozon.payment.requested.v1"),
        (with("/data/user_id", json!("x".repeat(3000))), plain(), "the data of gozon.payment.requested.v1"),
        (with("/source", json!("x".repeat(2 << 20))), plain(), "2097"),
        (gzip.to_vec(), plain().with_content_encoding("gzip".into()), "not a CloudEvent 1.0"),
        (utf_16(&good.to_string()), in_charset, "not a CloudEvent 1.0"),
        (latin_1, plain(), "not a CloudEvent 1.0"),
    ]
}

/// `gozon dead …` on the shop's places; what it prints, if it ends with 0.
async fn dead(shop: &Shop, amqp_url: &str, arguments: &[&str]) -> Result<String> {
    let urls = shop.books.urls();
    let mut command = Command::new(e2e::gozon()?);
    command.arg("dead").args(arguments).args(["--orders-url", &urls.orders, "--payments-url", &urls.payments]);
    let output = command.args(["--broker-url", amqp_url]).output().await?;
    anyhow::ensure!(output.status.success(), "{arguments:?}: {output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

async fn listed(shop: &Shop, amqp_url: &str) -> Result<Vec<Value>> {
    Ok(serde_json::from_str(&dead(shop, amqp_url, &["list", "--json"]).await?)?)
}

async fn publish_all(visitor: &Visitor, poison: &[(Vec<u8>, BasicProperties, &'static str)]) -> Result<()> {
    for (number, (body, properties, _)) in poison.iter().enumerate() {
        visitor
            .publish("payment.requested", body, properties.clone().with_message_id(number.to_string().into()))
            .await?;
    }
    Ok(())
}

/// Each poison has its letter; handled side by side, they may have changed places.
fn check_reasons(mut letters: Vec<Value>, poison: &[(Vec<u8>, BasicProperties, &'static str)]) -> Result<()> {
    assert_eq!(letters.len(), poison.len(), "{letters:?}");
    for (.., reason) in poison {
        let about = |letter: &Value| letter["error"].as_str().is_some_and(|error| error.starts_with(reason));
        let letter = letters.iter().position(about).with_context(|| format!("{reason:?} is not in {letters:?}"))?;
        let letter = letters.swap_remove(letter);
        assert_eq!((letter["where"].as_str(), letter["state"].as_str()), (Some("broker"), Some("dead")));
    }
    Ok(())
}

/// On a broker of its own: the operator's command knows no prefix.
#[tokio::test(flavor = "multi_thread")]
async fn poison_blocks_nobody_and_ends_where_an_operator_finds_it_with_the_reason() -> Result<()> {
    let rabbitmq = private::rabbitmq().await?;
    let url = rabbitmq.url();
    let shop = Plan { amqp_url: url.clone(), prefix: String::new(), ..Plan::of(1, 1) }.open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let visitor = shop.broker()?.visit().await?;
        let mut tap = visitor.tap().await?;
        let user = shop.client()?.user("ann").with_money("100").await?;
        user.outcome(&user.order("1").await?).await?;
        let poison = poison(&tap.next().await?.body);
        publish_all(&visitor, &poison).await?;
        let behind = user.order("1").await?;
        assert_eq!(user.outcome(&behind).await?, "FINISHED", "what comes behind the poison is not held up");

        let number = u32::try_from(poison.len())?;
        visitor.until_depth("payments.requests.dead", number).await?;
        let letters = listed(shop, &url).await?;
        check_reasons(letters.clone(), &poison)?;
        let first = letters[0]["id"].as_str().context("an id")?;
        assert!(dead(shop, &url, &["show", first]).await?.contains("payments.requests"));
        dead(shop, &url, &["replay", first]).await?;
        visitor.until_depth("payments.requests.dead", number).await?;
        assert_eq!(listed(shop, &url).await?.len(), poison.len(), "tried again, it is poison still");
        dead(shop, &url, &["discard", "--all"]).await?;
        visitor.until_depth("payments.requests.dead", 0).await?;
        visitor.leave().await?;
        Ok(Arc::default())
    })
    .await
}
