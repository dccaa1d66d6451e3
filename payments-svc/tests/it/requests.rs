//! Orders' requests, played by publishing them, and the answers that payments publishes.
//! Absent: orders itself.

use crate::{
    calls::{create, top_up},
    service::Service,
};
use fixtures::database::TestResult;
use messaging::{
    Ends, Letter,
    broker::{Broker, ORDERS_PAYMENT_RESULTS, Settlement},
    parking,
};
use saga::{
    Amount, Currency, OrderId, UserId,
    messages::{PaymentCancelRequested, PaymentRequested},
    order::CancelCause,
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::Micros;
use telemetry::TraceContext;
use uuid::Uuid;

/// The labels of the verdicts.
const SUCCEEDED: &str = r#"verdict="succeeded",reason="""#;
const TOO_POOR: &str = r#"verdict="declined",reason="insufficient_funds""#;
const NO_ACCOUNT: &str = r#"verdict="declined",reason="account_not_found""#;

fn request(user: &str, minor: i64) -> TestResult<PaymentRequested> {
    Ok(PaymentRequested {
        order_id: OrderId::new(Uuid::now_v7()),
        user_id: UserId::parse(user)?,
        amount_minor: Amount::from_minor(minor)?,
        currency: Currency::RUB,
    })
}

fn letter(request: &PaymentRequested) -> Letter {
    Letter::seal(request, Micros(1), Ends::default(), None)
}

fn cancel(request: &PaymentRequested, cause: CancelCause) -> Letter {
    let PaymentRequested { order_id, user_id, amount_minor, currency } = request.clone();
    Letter::seal(
        &PaymentCancelRequested { order_id, user_id, amount_minor, currency, cause },
        Micros(1),
        Ends::default(),
        None,
    )
}

/// Says it, and comes back when payments has dealt with it.
async fn say(service: &Service, letter: Letter) -> TestResult {
    for answer in service.broker.publish(&[letter]).await {
        answer?;
    }
    Ok(())
}

/// Takes so many of payments' answers.
async fn take(service: &Service, number: usize) -> TestResult<Vec<Value>> {
    let mut answers = Vec::new();
    let mut subscription = service.broker.subscribe(ORDERS_PAYMENT_RESULTS, 100);
    while answers.len() < number {
        for delivery in subscription.next().await.ok_or("the broker is closed")? {
            answers.push(serde_json::from_slice(&delivery.body)?);
            delivery.receipt.settle(Settlement::Done);
        }
    }
    Ok(answers)
}

/// Says it and takes the one answer.
async fn ask(service: &Service, request: Letter) -> TestResult<Value> {
    say(service, request).await?;
    take(service, 1).await?.pop().ok_or_else(|| "an answer".into())
}

pub async fn what_can_be_paid_is_paid_and_answered_with_the_entry(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    top_up(&service, "u", "10").await?;
    let request = request("u", 399)?;
    let trace = TraceContext::sampled();
    let answer = ask(&service, Letter::seal(&request, Micros(1), Ends::default(), Some(trace))).await?;
    let entry = &service.get("u", "/accounts/transactions").await?.body["transactions"][0];
    assert_eq!((&entry["kind"], &entry["amount"]), (&json!("debit"), &json!("-3.99")));
    assert_eq!((&entry["balance_after"], &entry["order_id"]), (&json!("6.01"), &json!(request.order_id)));
    let data = json!({
        "order_id": request.order_id, "user_id": "u", "amount_minor": 399, "currency": "RUB", "transaction_id": entry["id"],
    });
    assert_eq!((&answer["type"], &answer["data"]), (&json!("gozon.payment.succeeded.v1"), &data));
    assert_eq!((&answer["source"], &answer["subject"]), (&json!("/payments"), &json!(request.order_id)));
    assert_eq!((&answer["partitionkey"], &answer["traceparent"]), (&json!("u"), &json!(trace)));
    Ok(())
}

pub async fn what_cannot_be_paid_is_declined_with_the_reason_and_costs_nothing(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    top_up(&service, "u", "3.98").await?;
    for (user, reason) in [("u", "insufficient_funds"), ("nobody", "account_not_found")] {
        let answer = ask(&service, letter(&request(user, 399)?)).await?;
        assert_eq!((&answer["type"], &answer["data"]["reason"]), (&json!("gozon.payment.declined.v1"), &json!(reason)));
    }
    assert_eq!(service.get("u", "/accounts/balance").await?.body["balance"], "3.98");
    assert_eq!(service.rows().await?, 2, "an account and its top-up");
    Ok(())
}

pub async fn a_request_that_comes_again_gets_the_same_answer_and_costs_nothing_more(
    service: Arc<Service>,
) -> TestResult {
    create(&service, "u").await?;
    top_up(&service, "u", "5").await?;
    let (paid, too_dear) = (request("u", 300)?, request("u", 300)?);
    let first = [ask(&service, letter(&paid)).await?, ask(&service, letter(&too_dear)).await?];
    top_up(&service, "u", "100").await?;
    for (request, first) in [&paid, &too_dear].into_iter().zip(&first) {
        let twice = letter(request);
        for again in [twice.clone(), twice, letter(request)] {
            let answer = ask(&service, again).await?;
            assert_eq!((&answer["type"], &answer["data"]), (&first["type"], &first["data"]));
            assert_ne!(answer["id"], first["id"], "the answer is said anew, so it is another message");
        }
    }
    assert_eq!(service.get("u", "/accounts/balance").await?.body["balance"], "102.00");
    let metrics = service.request("GET", "/metrics").send().await?.text().await?;
    for (kind, times) in [(SUCCEEDED, 1), (TOO_POOR, 1), (NO_ACCOUNT, 0)] {
        assert!(metrics.contains(&format!("payments_verdicts_total{{{kind}}} {times}\n")), "{kind} in {metrics}");
    }
    Ok(())
}

pub async fn a_request_in_another_currency_is_set_aside_with_the_reason(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    top_up(&service, "u", "5").await?;
    let dollars = PaymentRequested { currency: "USD".parse()?, ..request("u", 1)? };
    say(&service, letter(&dollars)).await?;
    let parked = parking::list(&service.store, 10).await?;
    assert_eq!((parked.len(), parked[0].error.as_str()), (1, "asks for USD, the shop has RUB"));
    parking::discard(&service.store, parked[0].id).await?;
    assert_eq!(service.get("u", "/accounts/balance").await?.body["balance"], "5.00");
    Ok(())
}

pub async fn a_cancel_that_comes_first_fences_every_request(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    top_up(&service, "u", "5").await?;
    for (user, cause) in [("u", CancelCause::ByUser), ("nobody", CancelCause::Deadline)] {
        let late = request(user, 300)?;
        let fenced = ask(&service, cancel(&late, cause)).await?;
        let data = json!({
            "order_id": late.order_id, "user_id": user, "amount_minor": 300, "currency": "RUB", "cause": cause,
            "refund_transaction_id": null,
        });
        assert_eq!((&fenced["type"], &fenced["data"]), (&json!("gozon.payment.cancelled.v1"), &data));
        for again in [letter(&late), cancel(&late, cause), letter(&late)] {
            assert_eq!(ask(&service, again).await?["data"], data);
        }
    }
    assert_eq!(service.get("u", "/accounts/balance").await?.body["balance"], "5.00");
    Ok(())
}

pub async fn a_cancel_gives_back_what_was_paid_once(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    top_up(&service, "u", "5").await?;
    let paid = request("u", 300)?;
    assert_eq!(ask(&service, letter(&paid)).await?["type"], "gozon.payment.succeeded.v1");
    let refunded = ask(&service, cancel(&paid, CancelCause::ByUser)).await?;
    assert_eq!(refunded["type"], "gozon.payment.cancelled.v1");
    let entry = service.get("u", "/accounts/transactions").await?.body["transactions"][0].clone();
    assert_eq!((&entry["kind"], &entry["amount"]), (&json!("refund"), &json!("3.00")));
    assert_eq!((&entry["balance_after"], &entry["order_id"]), (&json!("5.00"), &json!(paid.order_id)));
    assert_eq!(refunded["data"]["refund_transaction_id"], entry["id"]);
    for again in [cancel(&paid, CancelCause::ByUser), letter(&paid), cancel(&paid, CancelCause::Deadline)] {
        assert_eq!(ask(&service, again).await?["data"], refunded["data"], "the first word stands");
    }
    assert_eq!(service.get("u", "/accounts/balance").await?.body["balance"], "5.00");
    Ok(())
}

pub async fn a_cancel_of_what_was_declined_is_answered_with_that(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    let poor = request("u", 300)?;
    let declined = ask(&service, letter(&poor)).await?;
    top_up(&service, "u", "5").await?;
    let answer = ask(&service, cancel(&poor, CancelCause::ByUser)).await?;
    assert_eq!((&answer["type"], &answer["data"]), (&declined["type"], &declined["data"]));
    Ok(())
}

pub async fn requests_and_cancels_that_cross_end_in_one_outcome(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    top_up(&service, "u", "100").await?;
    for _ in 0..20 {
        let order = request("u", 300)?;
        let mut letters: Vec<_> = (0..3).map(|_| letter(&order)).collect();
        letters.extend((0..3).map(|_| cancel(&order, CancelCause::ByUser)));
        let said = letters.iter().map(|letter| say(&service, letter.clone()));
        futures_util::future::try_join_all(said).await?;
        let answers = take(&service, 6).await?;
        let last = ask(&service, letter(&order)).await?;
        assert_eq!(last["type"], "gozon.payment.cancelled.v1");
        let paid = answers.iter().filter(|answer| answer["type"] == "gozon.payment.succeeded.v1").count();
        assert!(answers.iter().filter(|answer| answer["data"] == last["data"]).count() + paid == 6, "{answers:?}");
        assert_eq!(service.get("u", "/accounts/balance").await?.body["balance"], "100.00");
    }
    Ok(())
}

pub async fn nobody_is_paid_back_what_somebody_else_paid(service: Arc<Service>) -> TestResult {
    for user in ["u", "v"] {
        create(&service, user).await?;
        top_up(&service, user, "5").await?;
    }
    let paid = request("u", 300)?;
    ask(&service, letter(&paid)).await?;
    let stranger = PaymentRequested { user_id: UserId::parse("v")?, ..paid.clone() };
    say(&service, cancel(&stranger, CancelCause::ByUser)).await?;
    let parked = parking::list(&service.store, 10).await?;
    assert!(parked.len() == 1 && parked[0].error.contains("was paid by another account"), "{parked:?}");
    parking::discard(&service.store, parked[0].id).await?;
    for (user, balance) in [("u", "2.00"), ("v", "5.00")] {
        assert_eq!(service.get(user, "/accounts/balance").await?.body["balance"], balance);
    }
    Ok(())
}
