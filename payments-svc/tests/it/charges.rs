//! Charges and the accounts' actors, asked directly.

use crate::{
    calls::{create, top_up},
    service::Service,
};
use fixtures::database::TestResult;
use futures_util::future::try_join_all;
use messaging::{Metrics, Pair, broker::memory::MemoryBroker, relay::Relay};
use payments_svc::{
    accounts::{
        Accounts,
        account::{Command, Outcome, Verdict},
        ledger::{Ledger, Origin, Task},
    },
    metrics::PaymentMetrics,
};
use prometheus_client::registry::Registry;
use saga::{Amount, Currency, MessageId, OrderId, TransactionId, UserId};
use std::{sync::Arc, time::Duration};
use store::Clock;
use supervision::Vitals;
use telemetry::Tracer;
use uuid::Uuid;

/// More accounts on the same database, as another instance would have them.
fn accounts(service: &Service, idle: Duration) -> Accounts {
    let mut registry = Registry::default();
    let (vitals, metrics) = (Vitals::new(&mut registry), Metrics::new(&mut registry));
    let broker = Arc::new(MemoryBroker::new());
    let relay = Relay::start(
        service.store.clone(),
        broker,
        Clock::system(),
        (metrics, Tracer::default()),
        Pair::default(),
        &vitals,
    );
    let ledger = Ledger {
        store: service.store.clone(),
        relay,
        clock: Clock::system(),
        currency: Currency::RUB,
        metrics: PaymentMetrics::new(&mut registry),
        tracer: Tracer::default(),
    };
    Accounts::start(ledger, &vitals, idle)
}

fn charge(order: Uuid, minor: i64) -> TestResult<Task> {
    let command = Command::Charge {
        order_id: OrderId::new(order),
        amount: Amount::from_minor(minor)?,
        transaction_id: TransactionId::new(Uuid::now_v7()),
    };
    Ok(Task { command, message: Some(Origin { id: MessageId::new(Uuid::now_v7()), trace: None }) })
}

pub async fn an_order_is_debited_once_however_often_it_is_asked_for(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    top_up(&service, "u", "10").await?;
    let (here, there) = (accounts(&service, Duration::from_secs(60)), accounts(&service, Duration::from_secs(60)));
    let (user, order) = (UserId::parse("u")?, Uuid::now_v7());
    let ask = async |instance: &Accounts| -> TestResult<Outcome> {
        Ok(instance.change(user.clone(), charge(order, 300)?).await?.outcome)
    };
    let verdicts = try_join_all((0..40).map(|turn| ask(if turn % 2 == 0 { &here } else { &there }))).await?;
    assert!(matches!(verdicts[0], Outcome::Decided(Verdict::Succeeded(_))));
    assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]));
    assert_eq!(service.get("u", "/accounts/balance").await?.body["balance"], "7.00");
    Ok(())
}

pub async fn an_accounts_actor_retires_and_comes_back(service: Arc<Service>) -> TestResult {
    let accounts = accounts(&service, Duration::from_millis(20));
    let user = UserId::parse("u")?;
    let create = || accounts.change(user.clone(), Task { command: Command::Create, message: None });
    assert_eq!(create().await?.outcome, Outcome::Created);
    while accounts.in_use().await > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(create().await?.outcome, Outcome::AlreadyExists, "asked while its actor had retired");
    let asked = try_join_all((0..500).map(|_| create())).await?;
    assert!(
        asked.iter().all(|done| done.outcome == Outcome::AlreadyExists),
        "none was lost while actors came and went"
    );
    Ok(())
}
