//! What the calls answer when all is well.

use crate::service::Service;
use fixtures::{database::TestResult, http::Answer};
use futures_util::future::try_join_all;
use serde_json::json;
use std::sync::Arc;

pub async fn top_up(service: &Service, user: &str, amount: &str) -> TestResult<Answer> {
    service.ask(service.post(user, "/accounts/topup", json!({"amount": amount}).to_string())).await
}

pub async fn create(service: &Service, user: &str) -> TestResult<Answer> {
    service.ask(service.request("POST", "/accounts").header("X-User-Id", user)).await
}

pub async fn an_account_is_created_once(service: Arc<Service>) -> TestResult {
    let created = create(&service, "u").await?;
    assert_eq!(created.status, 201);
    assert_eq!((&created.body["user_id"], &created.body["balance"]), (&json!("u"), &json!("0.00")));
    assert!(created.body["currency"] == "RUB" && created.body["created_at"].is_string());
    create(&service, "u").await?.is_problem(409, "account_exists", "a second one");
    let empty_object = service.ask(service.post("v", "/accounts", "{}")).await?;
    assert_eq!(empty_object.status, 201);
    let answers = try_join_all((0..20).map(|_| create(&service, "w"))).await?;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "of twenty at once");
    Ok(())
}

pub async fn a_top_up_is_on_the_account_when_it_answers(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    let made = top_up(&service, "u", "100.5").await?;
    assert_eq!(
        (made.status.as_u16(), &made.body["balance"], &made.body["currency"]),
        (200, &json!("100.50"), &json!("RUB"))
    );
    let balance = service.get("u", "/accounts/balance").await?;
    assert_eq!(balance.body, json!({"user_id": "u", "balance": "100.50", "currency": "RUB"}));
    let statement = service.get("u", "/accounts/transactions").await?;
    let entry = &statement.body["transactions"][0];
    assert_eq!((&entry["id"], &entry["kind"]), (&made.body["transaction_id"], &json!("topup")));
    assert_eq!((&entry["amount"], &entry["balance_after"]), (&json!("100.50"), &json!("100.50")));
    assert!(entry["order_id"].is_null() && entry["created_at"].is_string() && statement.body["next_cursor"].is_null());
    Ok(())
}

pub async fn a_key_tops_up_once_however_many_copies_arrive_at_once(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    let copy =
        || service.ask(service.post("u", "/accounts/topup", "{\"amount\":\"7\"}").header("Idempotency-Key", "k"));
    let answers = try_join_all((0..100).map(|_| copy())).await?;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count();
    assert_eq!(replayed, 99);
    assert_eq!(service.get("u", "/accounts/balance").await?.body["balance"], "7.00");
    top_up(&service, "u", "1").await?;
    assert_eq!(copy().await?.body, answers[0].body, "the first answer, although the balance has changed");
    Ok(())
}

pub async fn a_key_belongs_to_one_amount_and_to_one_user(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    create(&service, "v").await?;
    let keyed = |user: &'static str, body: &'static str| {
        service.ask(service.post(user, "/accounts/topup", body).header("Idempotency-Key", "k"))
    };
    assert_eq!(keyed("u", "{\"amount\":\"7\"}").await?.status, 200);
    keyed("u", "{\"amount\":\"8\"}").await?.is_problem(422, "idempotency_key_reused", "another amount");
    assert_eq!(keyed("u", "{\"amount\": 7.00}").await?.header("idempotency-replayed"), Some("true"));
    assert_eq!(keyed("v", "{\"amount\":\"8\"}").await?.header("idempotency-replayed"), None);
    Ok(())
}

pub async fn a_balance_stops_at_the_largest_amount(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    assert_eq!(top_up(&service, "u", "1000000000000.00").await?.status, 200);
    let refused = top_up(&service, "u", "0.01").await?;
    refused.is_problem(422, "balance_limit_exceeded", "a kopeck more");
    assert_eq!(refused.body["errors"][0]["field"], "amount");
    assert_eq!(service.get("u", "/accounts/balance").await?.body["balance"], "1000000000000.00");
    Ok(())
}

pub async fn the_statement_leads_through_all_entries_newest_first(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    for amount in 1..=25 {
        top_up(&service, "u", &amount.to_string()).await?;
    }
    let (mut path, mut amounts) = ("/accounts/transactions?limit=10".to_owned(), Vec::new());
    loop {
        let page = service.get("u", &path).await?;
        let entries = page.body["transactions"].as_array().ok_or("entries")?;
        amounts.extend(entries.iter().filter_map(|entry| entry["amount"].as_str().map(str::to_owned)));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("/accounts/transactions?limit=10&cursor={cursor}");
        assert_eq!(page.header("link"), Some(format!("<{path}>; rel=\"next\"").as_str()));
    }
    let newest_first: Vec<_> = (1..=25).rev().map(|amount| format!("{amount}.00")).collect();
    assert_eq!(amounts, newest_first);
    Ok(())
}

pub async fn concurrent_top_ups_of_one_account_all_count(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    let answers = try_join_all((0..200).map(|_| top_up(&service, "u", "0.5"))).await?;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(service.get("u", "/accounts/balance").await?.body["balance"], "100.00");
    Ok(())
}
