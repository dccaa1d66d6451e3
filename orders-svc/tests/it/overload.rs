//! More orders at once than the service admits, with a database that does not answer for a while.
//! Absent: sockets by the thousand; the orders come through the handle that the HTTP handlers use.

use crate::service::Service;
use fixtures::database::{TestError, TestResult};
use futures_util::future::join_all;
use orders_svc::{
    order::OrderDraft,
    placing::{Draft, PlaceError, Placed},
};
use saga::{Amount, UserId};
use sea_orm::{ConnectionTrait, DbBackend};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use store::{Store, Tx};
use telemetry::TraceContext;

/// As many as are admitted, by the service's own account of it.
const ADMITTED: usize = 4_096;

/// A transaction that keeps all others from writing orders.
async fn hold(store: &Store) -> TestResult<Tx> {
    let tx = store.begin().await?;
    if store.backend() == DbBackend::Postgres {
        tx.execute_unprepared("LOCK TABLE orders IN EXCLUSIVE MODE").await?;
    }
    Ok(tx)
}

/// Counts itself when it has been asked: what is asked is admitted or refused in the same step.
async fn place(service: Arc<Service>, asked: Arc<AtomicUsize>) -> Result<Placed, PlaceError> {
    asked.fetch_add(1, Ordering::Relaxed);
    let order = OrderDraft {
        user_id: UserId::parse("u").expect("a user id"),
        amount: Amount::from_minor(1).expect("an amount"),
        description: None,
        idempotency_key: None,
    };
    service.handlers.placing.place(Draft { order, trace: TraceContext::unsampled() }).await
}

pub async fn what_is_admitted_is_placed_and_the_rest_is_told_to_come_again(service: Arc<Service>) -> TestResult {
    let held = hold(&service.store).await?;
    let asked = Arc::new(AtomicUsize::new(0));
    let place = || place(service.clone(), asked.clone());
    let admitted: Vec<_> = (0..ADMITTED).map(|_| actix_web::rt::spawn(place())).collect();
    while asked.load(Ordering::Relaxed) < ADMITTED {
        tokio::task::yield_now().await;
    }
    assert_eq!(place().await, Err(PlaceError::Overloaded));
    let refused = service.ask(service.post("u", "/orders", "{\"amount\":\"1\"}")).await?;
    refused.is_problem(503, "overloaded", "one too many");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(service.get("u", "/orders").await?.status, 200, "reads wait for nobody");
    held.rollback().await?;
    for placed in join_all(admitted).await {
        assert!(matches!(placed?.map_err(TestError::from)?, Placed::New(_)));
    }
    let after = service.ask(service.post("u", "/orders", "{\"amount\":\"1\"}")).await?;
    assert_eq!(after.status, 201, "and then there is room again");
    assert_eq!(service.number("SELECT count(*) AS n FROM orders").await?, i64::try_from(ADMITTED + 1)?);
    Ok(())
}
