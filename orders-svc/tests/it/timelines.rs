//! An order's way as a client sees it, at its stations.
//! Absent: the broker's outages; the system tests have those.

use crate::{
    answers::{publish, say, succeeded},
    calls::place,
    service::Service,
};
use fixtures::{database::TestResult, http::Answer};
use messaging::{Ends, Letter, parking};
use saga::{
    Amount, TransactionId,
    messages::{PaymentCancelled, PaymentSucceeded},
    order::CancelCause,
};
use sea_orm::ConnectionTrait;
use serde_json::Value;
use std::sync::Arc;
use store::Micros;
use uuid::Uuid;

async fn timeline(service: &Service, user: &str, order: &Value) -> TestResult<Answer> {
    service.get(user, &format!("/orders/{}/timeline", order["id"].as_str().ok_or("an id")?)).await
}

/// Its steps, checked to be in the order of time.
fn steps(timeline: &Value) -> Vec<&str> {
    let events: Vec<_> = timeline["events"].as_array().into_iter().flatten().collect();
    let times: Vec<_> = events.iter().map(|event| event["at"].as_str()).collect();
    assert!(times.is_sorted() && events.iter().all(|event| event["detail"].is_string()), "{timeline}");
    events.iter().filter_map(|event| event["what"].as_str()).collect()
}

fn waits_for(timeline: &Value, words: &str) -> bool {
    timeline["waiting_for"].as_str().is_some_and(|waiting_for| waiting_for.contains(words))
}

pub async fn an_order_that_nobody_took_from_the_broker_waits_for_its_confirmation(service: Arc<Service>) -> TestResult {
    let order = place(&service, "u", "5").await?.body;
    let way = timeline(&service, "u", &order).await?;
    assert_eq!((way.status.as_u16(), &way.body["order_id"]), (200, &order["id"]));
    assert_eq!(steps(&way.body), ["placed", "payment_requested"]);
    assert_eq!(way.body["events"][0]["at"], order["created_at"]);
    assert!(waits_for(&way.body, "request for the money is going out"), "{}", way.body);
    Ok(())
}

pub async fn a_refunded_order_tells_all_of_its_way(service: Arc<Service>) -> TestResult {
    let order = place(&service, "u", "5").await?.body;
    let path = format!("/orders/{}/cancel", order["id"].as_str().ok_or("an id")?);
    let asked = service.ask(service.post("u", &path, String::new())).await?.body;
    let way = timeline(&service, "u", &order).await?.body;
    assert_eq!(steps(&way), ["placed", "payment_requested", "cancel_requested"]);
    assert_eq!(way["events"][2]["at"], asked["cancel_requested_at"]);
    assert!(waits_for(&way, "request to cancel is going out"), "{way}");
    let PaymentSucceeded { order_id, user_id, amount_minor, currency, .. } = succeeded(&order)?;
    let refund = TransactionId::new(Uuid::now_v7());
    let (cause, refund_transaction_id) = (CancelCause::ByUser, Some(refund));
    say(&service, &PaymentCancelled { order_id, user_id, amount_minor, currency, cause, refund_transaction_id })
        .await?;
    let way = timeline(&service, "u", &order).await?.body;
    assert_eq!(
        steps(&way),
        ["placed", "payment_requested", "cancel_requested", "request_published", "refunded", "settled", "pushed"]
    );
    assert!(way["waiting_for"].is_null(), "{way}");
    let detail = way["events"][4]["detail"].as_str().ok_or("a detail")?;
    assert!(detail.contains("5.00 RUB") && detail.contains(&refund.to_string()), "{detail}");
    Ok(())
}

pub async fn a_request_that_the_broker_has_is_published(service: Arc<Service>) -> TestResult {
    let [order, other] = [place(&service, "u", "5").await?.body, place(&service, "u", "5").await?.body];
    // What the relay does with a confirmed row.
    let confirmed = format!("DELETE FROM outbox WHERE body LIKE '%{}%'", order["id"].as_str().ok_or("an id")?);
    service.store.connection().execute_unprepared(&confirmed).await?;
    let way = timeline(&service, "u", &order).await?.body;
    assert_eq!(steps(&way), ["placed", "payment_requested", "request_published"]);
    assert!(waits_for(&way, "Payment outstanding"), "{way}");
    let way = timeline(&service, "u", &other).await?.body;
    assert_eq!(steps(&way), ["placed", "payment_requested"], "two of one user at once are two");
    // The fixture counts a request for each order.
    service
        .store
        .connection()
        .execute_unprepared("DELETE FROM orders WHERE id NOT IN (SELECT id FROM orders ORDER BY id DESC LIMIT 1)")
        .await?;
    Ok(())
}

pub async fn an_answer_that_cannot_be_settled_is_waited_for_by_its_next_attempt(service: Arc<Service>) -> TestResult {
    let [order, other] = [place(&service, "u", "5").await?.body, place(&service, "u", "5").await?.body];
    let dear = PaymentSucceeded { amount_minor: Amount::from_minor(501)?, ..succeeded(&order)? };
    publish(&service, &[Letter::seal(&dear, Micros(1), Ends::default(), None)]).await?;
    let way = timeline(&service, "u", &order).await?.body;
    assert!(waits_for(&way, "could not be settled: retry at 20"), "{way}");
    assert!(waits_for(&timeline(&service, "u", &other).await?.body, "going out"));
    for parked in parking::list(&service.store, 10).await? {
        parking::discard(&service.store, parked.id).await?;
    }
    Ok(())
}

pub async fn nobody_sees_the_way_of_anothers_order(service: Arc<Service>) -> TestResult {
    let order = place(&service, "u", "5").await?.body;
    let stranger = timeline(&service, "v", &order).await?;
    assert_eq!((stranger.status.as_u16(), &stranger.body["code"]), (404, &"order_not_found".into()));
    Ok(())
}
