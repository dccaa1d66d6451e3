//! Payments' answers, played by publishing them: once, twice, contradicting, about orders that there are not.
//! Absent: payments itself.

use crate::{calls::place, service::Service};
use fixtures::database::TestResult;
use messaging::{Ends, Letter, broker::Broker, parking};
use saga::{
    Amount, Currency, OrderId, TransactionId, UserId,
    messages::{Payload, PaymentDeclined, PaymentSucceeded},
    order::DeclineReason,
};
use serde_json::Value;
use std::sync::Arc;
use store::Micros;
use uuid::Uuid;

/// Says it, and comes back when orders has dealt with it.
pub async fn say(service: &Service, answer: &impl Payload) -> TestResult {
    publish(service, &[Letter::seal(answer, Micros(1), Ends::default(), None)]).await
}

pub async fn publish(service: &Service, letters: &[Letter]) -> TestResult {
    for answer in service.broker.publish(letters).await {
        answer?;
    }
    Ok(())
}

pub fn succeeded(order: &Value) -> TestResult<PaymentSucceeded> {
    Ok(PaymentSucceeded {
        order_id: OrderId::new(order["id"].as_str().ok_or("an id")?.parse()?),
        user_id: UserId::parse(order["user_id"].as_str().ok_or("a user")?)?,
        amount_minor: order["amount"].as_str().ok_or("an amount")?.parse()?,
        currency: Currency::RUB,
        transaction_id: TransactionId::new(Uuid::now_v7()),
    })
}

pub fn declined(order: &Value, reason: DeclineReason) -> TestResult<PaymentDeclined> {
    let PaymentSucceeded { order_id, user_id, amount_minor, currency, .. } = succeeded(order)?;
    Ok(PaymentDeclined { order_id, user_id, amount_minor, currency, reason })
}

pub async fn show(service: &Service, order: &Value) -> TestResult<Value> {
    let path = format!("/orders/{}", order["id"].as_str().ok_or("an id")?);
    Ok(service.get(order["user_id"].as_str().ok_or("a user")?, &path).await?.body)
}

async fn contradictions(service: &Service) -> TestResult<bool> {
    let metrics = service.request("GET", "/metrics").send().await?.text().await?;
    Ok(metrics.contains("orders_payment_contradictions_total 1"))
}

pub async fn a_paid_order_is_finished_and_nothing_but_status_and_version_changes(service: Arc<Service>) -> TestResult {
    let order = place(&service, "u", "5").await?.body;
    say(&service, &succeeded(&order)?).await?;
    let mut expected = order.clone();
    let finished = show(&service, &order).await?;
    assert!(finished["updated_at"].as_str() > order["updated_at"].as_str(), "{finished}");
    expected["status"] = "FINISHED".into();
    expected["version"] = 2.into();
    expected["updated_at"] = finished["updated_at"].clone();
    assert_eq!(finished, expected);
    Ok(())
}

pub async fn a_declined_order_is_cancelled_and_says_why(service: Arc<Service>) -> TestResult {
    for reason in [DeclineReason::InsufficientFunds, DeclineReason::AccountNotFound] {
        let order = place(&service, "u", "5").await?.body;
        say(&service, &declined(&order, reason)?).await?;
        let cancelled = show(&service, &order).await?;
        assert_eq!(cancelled["status"], "CANCELLED");
        assert_eq!((&cancelled["reason"], &cancelled["version"]), (&reason.as_str().into(), &2.into()));
    }
    for (status, number) in [("CANCELLED", 2), ("NEW", 0), ("FINISHED", 0)] {
        let listed = service.get("u", &format!("/orders?status={status}")).await?.body;
        assert_eq!(listed["orders"].as_array().map(Vec::len), Some(number), "{status}");
    }
    Ok(())
}

pub async fn an_answer_that_comes_again_changes_nothing(service: Arc<Service>) -> TestResult {
    let order = place(&service, "u", "5").await?.body;
    let letter = Letter::seal(&succeeded(&order)?, Micros(1), Ends::default(), None);
    publish(&service, std::slice::from_ref(&letter)).await?;
    let once = show(&service, &order).await?;
    publish(&service, &[letter.clone(), letter]).await?;
    say(&service, &succeeded(&order)?).await?;
    assert_eq!(show(&service, &order).await?, once);
    assert!(!contradictions(&service).await?, "a repeat is none");
    Ok(())
}

pub async fn an_answer_that_contradicts_a_final_order_changes_nothing_and_is_counted(
    service: Arc<Service>,
) -> TestResult {
    let order = place(&service, "u", "5").await?.body;
    say(&service, &declined(&order, DeclineReason::InsufficientFunds)?).await?;
    let once = show(&service, &order).await?;
    say(&service, &succeeded(&order)?).await?;
    assert_eq!(show(&service, &order).await?, once);
    assert!(contradictions(&service).await?);
    Ok(())
}

/// It may be an order that is being placed right now, or somebody's mistake: tried again later, and shown to an operator.
pub async fn answers_that_fit_no_order_are_set_aside_with_the_reason(service: Arc<Service>) -> TestResult {
    let order = place(&service, "u", "5").await?.body;
    let unknown = PaymentSucceeded { order_id: OrderId::new(Uuid::now_v7()), ..succeeded(&order)? };
    let dear = PaymentSucceeded { amount_minor: Amount::from_minor(501)?, ..succeeded(&order)? };
    let strange = PaymentSucceeded { user_id: UserId::parse("v")?, ..succeeded(&order)? };
    for (answer, why) in [(&unknown, "does not exist"), (&dear, "another owner or amount"), (&strange, "another owner")]
    {
        say(&service, answer).await?;
        let parked = parking::list(&service.store, 10).await?;
        let [parked] = &parked[..] else { return Err(format!("{parked:?}").into()) };
        assert!(parked.error.contains(why), "{}", parked.error);
        assert_eq!((parked.queue.as_str(), parked.state), ("orders.payment-results", parking::State::Retrying));
        parking::discard(&service.store, parked.id).await?;
    }
    assert_eq!(show(&service, &order).await?, order, "and the order is as it was");
    Ok(())
}

pub async fn a_replayed_request_is_answered_as_the_first_time_though_the_order_is_final(
    service: Arc<Service>,
) -> TestResult {
    let again = || service.ask(service.post("u", "/orders", "{\"amount\":\"5\"}").header("Idempotency-Key", "k"));
    let first = again().await?;
    say(&service, &succeeded(&first.body)?).await?;
    let second = again().await?;
    assert_eq!((second.status.as_u16(), &second.body), (201, &first.body));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    Ok(())
}
