//! Wishes to cancel, and what payments makes of them, played by publishing.
//! Absent: payments itself, and the deadline's clock.

use crate::{
    answers::{declined, publish, say, show, succeeded},
    calls::place,
    service::Service,
};
use fixtures::{database::TestResult, http::Answer};
use futures_util::future::try_join_all;
use messaging::{Ends, Letter};
use saga::{
    messages::{PaymentCancelled, PaymentSucceeded},
    order::{CancelCause, DeclineReason},
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use std::sync::Arc;
use store::Micros;

async fn cancel(service: &Service, user: &str, order: &Value) -> TestResult<Answer> {
    let path = format!("/orders/{}/cancel", order["id"].as_str().ok_or("an id")?);
    service.ask(service.post(user, &path, String::new())).await
}

fn cancelled(order: &Value) -> TestResult<PaymentCancelled> {
    let PaymentSucceeded { order_id, user_id, amount_minor, currency, .. } = succeeded(order)?;
    let cause = CancelCause::ByUser;
    Ok(PaymentCancelled { order_id, user_id, amount_minor, currency, cause, refund_transaction_id: None })
}

/// What payments is asked to cancel.
async fn asked(service: &Service) -> TestResult<Vec<Value>> {
    let sql = "SELECT body FROM outbox WHERE routing_key = 'payment.cancel-requested'";
    let statement = Statement::from_string(service.store.backend(), sql);
    let rows = service.store.connection().query_all_raw(statement).await?;
    let bodies = rows.iter().map(|row| Ok(serde_json::from_str(&row.try_get::<String>("", "body")?)?));
    bodies.collect()
}

pub async fn a_cancel_is_recorded_asked_for_once_and_decided_by_payments(service: Arc<Service>) -> TestResult {
    let order = place(&service, "u", "5").await?.body;
    let answers = try_join_all((0..10).map(|_| cancel(&service, "u", &order))).await?;
    let recorded = &answers[0].body;
    assert!(answers.iter().all(|answer| answer.status == 202 && answer.body == *recorded));
    assert_eq!((&recorded["status"], &recorded["version"]), (&json!("NEW"), &json!(2)));
    assert!(recorded["cancel_requested_at"].is_string() && recorded["reason"].is_null());
    let cancels = asked(&service).await?;
    let data = json!({
        "order_id": order["id"], "user_id": "u", "amount_minor": 500, "currency": "RUB", "cause": "cancelled_by_user",
    });
    assert_eq!(
        (cancels.len(), &cancels[0]["type"], &cancels[0]["data"]),
        (1, &json!("gozon.payment.cancel-requested.v1"), &data)
    );
    say(&service, &cancelled(&order)?).await?;
    let done = show(&service, &order).await?;
    assert_eq!((&done["status"], &done["reason"]), (&json!("CANCELLED"), &json!("cancelled_by_user")));
    assert_eq!((&done["version"], &done["cancel_requested_at"]), (&json!(3), &recorded["cancel_requested_at"]));
    let late = cancel(&service, "u", &order).await?;
    assert_eq!((late.status.as_u16(), &late.body["code"]), (409, &json!("order_already_final")));
    Ok(())
}

pub async fn a_success_that_crosses_a_cancel_waits_for_payments_last_word(service: Arc<Service>) -> TestResult {
    let [first, second] = [place(&service, "u", "5").await?.body, place(&service, "u", "5").await?.body];
    for order in [&first, &second] {
        cancel(&service, "u", order).await?;
    }
    say(&service, &succeeded(&first)?).await?;
    assert_eq!(show(&service, &first).await?["status"], "NEW");
    say(&service, &cancelled(&first)?).await?;
    // The other way round: the answer to the cancel overtakes the success.
    say(&service, &cancelled(&second)?).await?;
    say(&service, &succeeded(&second)?).await?;
    for order in [&first, &second] {
        let order = show(&service, order).await?;
        assert_eq!((&order["status"], &order["version"]), (&json!("CANCELLED"), &json!(3)));
    }
    Ok(())
}

pub async fn a_decline_ends_an_order_that_is_being_cancelled(service: Arc<Service>) -> TestResult {
    let order = place(&service, "u", "5").await?.body;
    cancel(&service, "u", &order).await?;
    let answer = Letter::seal(&declined(&order, DeclineReason::InsufficientFunds)?, Micros(1), Ends::default(), None);
    publish(&service, &[answer.clone(), answer]).await?;
    let order = show(&service, &order).await?;
    assert_eq!((&order["status"], &order["reason"]), (&json!("CANCELLED"), &json!("insufficient_funds")));
    Ok(())
}

pub async fn only_ones_own_order_that_is_not_final_can_be_cancelled(service: Arc<Service>) -> TestResult {
    let order = place(&service, "u", "5").await?.body;
    let stranger = cancel(&service, "v", &order).await?;
    let unknown = cancel(&service, "u", &json!({"id": uuid::Uuid::now_v7()})).await?;
    for answer in [stranger, unknown] {
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (404, &json!("order_not_found")));
    }
    assert_eq!(show(&service, &order).await?, order);
    say(&service, &succeeded(&order)?).await?;
    let late = cancel(&service, "u", &order).await?;
    assert_eq!((late.status.as_u16(), &late.body["code"]), (409, &json!("order_already_final")));
    assert_eq!(show(&service, &order).await?["status"], "FINISHED");
    Ok(())
}
