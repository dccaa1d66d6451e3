//! What the calls answer when all is well.

use crate::service::Service;
use fixtures::database::TestResult;
use fixtures::http::Answer;
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc};

pub async fn place(service: &Service, user: &str, amount: &str) -> TestResult<Answer> {
    let answer = service.ask(service.post(user, "/orders", json!({"amount": amount}).to_string())).await?;
    assert_eq!(answer.status, 201, "{}", answer.body);
    Ok(answer)
}

fn ids(page: &Value) -> Vec<String> {
    let orders = page["orders"].as_array().cloned().unwrap_or_default();
    orders.iter().filter_map(|order| order["id"].as_str().map(str::to_owned)).collect()
}

pub async fn a_placed_order_has_every_field_of_the_contract(service: Arc<Service>) -> TestResult {
    let body = json!({"amount": "50.5", "description": "Два билета"}).to_string();
    let placed = service.ask(service.post("user-1", "/orders", body)).await?;
    assert_eq!(placed.status, 201);
    let order = &placed.body;
    let fields: HashSet<_> = order.as_object().ok_or("an object")?.keys().map(String::as_str).collect();
    let agreed = [
        "id",
        "user_id",
        "amount",
        "currency",
        "description",
        "status",
        "reason",
        "version",
        "created_at",
        "updated_at",
        "pay_before",
        "cancel_requested_at",
    ];
    assert_eq!(fields, HashSet::from(agreed));
    let id = order["id"].as_str().ok_or("an id")?;
    assert_eq!(placed.header("location"), Some(format!("/orders/{id}").as_str()));
    let (status, version) = (&order["status"], &order["version"]);
    assert_eq!((status, version), (&json!("NEW"), &json!(1)));
    assert_eq!((&order["amount"], &order["currency"]), (&json!("50.50"), &json!("RUB")));
    assert_eq!((&order["description"], &order["user_id"]), (&json!("Два билета"), &json!("user-1")));
    assert!(order["reason"].is_null() && order["cancel_requested_at"].is_null());
    let shown = service.get("user-1", &format!("/orders/{id}")).await?;
    assert_eq!((shown.status.as_u16(), &shown.body), (200, order));
    Ok(())
}

pub async fn amounts_come_as_text_or_number_and_leave_with_two_decimals(service: Arc<Service>) -> TestResult {
    for (amount, shown) in [
        ("\"50\"", "50.00"),
        ("50", "50.00"),
        ("50.00", "50.00"),
        ("50.5", "50.50"),
        ("0.01", "0.01"),
        ("\"0.1\"", "0.10"),
        ("1000000000000.00", "1000000000000.00"),
        ("\"1000000000000\"", "1000000000000.00"),
    ] {
        let answer = service.ask(service.post("u", "/orders", format!("{{\"amount\":{amount}}}"))).await?;
        assert_eq!((answer.status.as_u16(), &answer.body["amount"]), (201, &json!(shown)), "{amount}");
    }
    Ok(())
}

pub async fn a_key_makes_one_order_however_many_copies_arrive_at_once(service: Arc<Service>) -> TestResult {
    let copy = || service.ask(service.post("u", "/orders", "{\"amount\":\"7\"}").header("Idempotency-Key", "k-1"));
    let answers = try_join_all((0..100).map(|_| copy())).await?;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.body == answers[0].body));
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count();
    assert_eq!(replayed, 99);
    assert_eq!(ids(&service.get("u", "/orders").await?.body).len(), 1);
    Ok(())
}

pub async fn a_key_belongs_to_one_body_and_to_one_user(service: Arc<Service>) -> TestResult {
    let place = |user: &'static str, body: &'static str| {
        service.ask(service.post(user, "/orders", body).header("Idempotency-Key", "k"))
    };
    let first = place("u", "{\"amount\":\"7\",\"description\":\"a\"}").await?;
    assert_eq!(first.status, 201);
    for other in
        ["{\"amount\":\"8\",\"description\":\"a\"}", "{\"amount\":\"7\"}", "{\"amount\":\"7\",\"description\":\"b\"}"]
    {
        place("u", other).await?.is_problem(422, "idempotency_key_reused", other);
    }
    let same = place("u", "{ \"description\": \"a\", \"amount\": 7.00 }").await?;
    assert_eq!((same.status.as_u16(), &same.body), (201, &first.body), "the same request, written otherwise");
    let others = place("v", "{\"amount\":\"8\"}").await?;
    assert_eq!((others.status.as_u16(), others.header("idempotency-replayed")), (201, None));
    Ok(())
}

pub async fn the_list_leads_through_all_orders_newest_first(service: Arc<Service>) -> TestResult {
    let placed = try_join_all((0..25).map(|_| place(&service, "u", "1"))).await?;
    place(&service, "other", "1").await?;
    let (mut path, mut seen) = ("/orders?limit=10".to_owned(), Vec::new());
    loop {
        let page = service.get("u", &path).await?;
        seen.extend(ids(&page.body));
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            assert_eq!(page.header("link"), None, "the last page leads nowhere");
            break;
        };
        let link = page.header("link").ok_or("a link")?;
        assert_eq!(link, format!("</orders?limit=10&cursor={cursor}>; rel=\"next\""));
        path = link.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
    }
    let mut newest_first: Vec<_> = placed.iter().filter_map(|one| one.body["id"].as_str().map(str::to_owned)).collect();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(seen, newest_first);
    Ok(())
}

pub async fn the_list_filters_by_status(service: Arc<Service>) -> TestResult {
    place(&service, "u", "1").await?;
    for (status, orders) in [("NEW", 1), ("FINISHED", 0), ("CANCELLED", 0)] {
        let page = service.get("u", &format!("/orders?status={status}")).await?;
        assert_eq!((page.status.as_u16(), ids(&page.body).len()), (200, orders), "{status}");
    }
    Ok(())
}

pub async fn another_users_order_is_like_none(service: Arc<Service>) -> TestResult {
    let id = place(&service, "u", "1").await?.body["id"].as_str().ok_or("an id")?.to_owned();
    let strange = service.get("stranger", &format!("/orders/{id}")).await?;
    let missing = service.get("u", "/orders/0198c1f0-7e3c-7000-8000-000000000001").await?;
    strange.is_problem(404, "order_not_found", "another user's");
    assert_eq!(strange.body, missing.body);
    Ok(())
}

pub async fn health_readiness_and_metrics_are_there(service: Arc<Service>) -> TestResult {
    assert_eq!(service.ask(service.request("GET", "/healthz")).await?.status, 200);
    assert_eq!(service.ask(service.request("GET", "/readyz")).await?.status, 200);
    place(&service, "u", "1").await?;
    let metrics = service.request("GET", "/metrics").send().await?.text().await?;
    for metric in [
        "http_requests_total",
        "orders_batch_size_count{actor=\"placing\"}",
        "orders_actor_restarts_total{actor=\"placing\"} 0",
        "orders_outbox_depth",
        "orders_oldest_new_age_seconds 0",
    ] {
        assert!(metrics.contains(metric), "{metric} in {metrics}");
    }
    Ok(())
}
