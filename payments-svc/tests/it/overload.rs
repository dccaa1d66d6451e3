//! More commands of clients at once than the service admits, and a database that is away.
//! Absent: sockets by the thousand; the commands come through the handle that the HTTP handlers use.

use crate::{
    calls::{create, top_up},
    service::Service,
};
use fixtures::database::TestResult;
use futures_util::future::join_all;
use payments_svc::accounts::{
    account::{Command, Outcome},
    ledger::{Answer, ChangeError, Task},
};
use saga::{Amount, TransactionId, UserId};
use sea_orm::{ConnectionTrait, DbBackend};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use store::{Store, Tx};
use uuid::Uuid;

/// As many as are admitted, by the service's own account of it.
const ADMITTED: usize = 4_096;
/// Accounts that share them.
const USERS: usize = 64;

/// A transaction that keeps all others from changing accounts.
async fn hold(store: &Store) -> TestResult<Tx> {
    let tx = store.begin().await?;
    if store.backend() == DbBackend::Postgres {
        tx.execute_unprepared("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE").await?;
    }
    Ok(tx)
}

/// Counts itself when it has been asked: what is asked is admitted or refused in the same step.
async fn add_a_kopeck(service: Arc<Service>, asked: Arc<AtomicUsize>) -> Answer {
    let number = asked.fetch_add(1, Ordering::Relaxed);
    let user = UserId::parse(format!("u{}", number % USERS)).expect("a user id");
    let amount = Amount::from_minor(1).expect("an amount");
    let command = Command::TopUp { amount, transaction_id: TransactionId::new(Uuid::now_v7()), key: None };
    service.handlers.accounts.change(user, Task { command, message: None }).await
}

pub async fn what_is_admitted_is_done_and_the_rest_is_told_to_come_again(service: Arc<Service>) -> TestResult {
    for user in 0..USERS {
        create(&service, &format!("u{user}")).await?;
    }
    let held = hold(&service.store).await?;
    let asked = Arc::new(AtomicUsize::new(0));
    let add = || add_a_kopeck(service.clone(), asked.clone());
    let admitted: Vec<_> = (0..ADMITTED).map(|_| actix_web::rt::spawn(add())).collect();
    while asked.load(Ordering::Relaxed) < ADMITTED {
        tokio::task::yield_now().await;
    }
    assert_eq!(add().await, Err(ChangeError::Overloaded));
    let refused = top_up(&service, "u0", "1").await?;
    refused.is_problem(503, "overloaded", "one too many");
    assert_eq!(refused.header("retry-after"), Some("1"));
    held.rollback().await?;
    for done in join_all(admitted).await {
        assert!(matches!(done??.outcome, Outcome::ToppedUp(_)));
    }
    assert_eq!(
        service.number("SELECT CAST(sum(balance_minor) AS bigint) AS n FROM accounts").await?,
        i64::try_from(ADMITTED)?
    );
    assert_eq!(service.number("SELECT count(*) AS n FROM entries").await?, i64::try_from(ADMITTED)?);
    Ok(())
}

pub async fn without_a_database_the_answer_is_unavailable(service: Arc<Service>) -> TestResult {
    create(&service, "u").await?;
    service.store.connection().execute_unprepared("ALTER TABLE accounts RENAME TO elsewhere").await?;
    let (made, topped_up) = (create(&service, "v").await?, top_up(&service, "u", "1").await?);
    let (balance, entries) =
        (service.get("u", "/accounts/balance").await?, service.get("u", "/accounts/transactions").await?);
    for (answer, of) in [(made, "create"), (topped_up, "top up"), (balance, "balance"), (entries, "transactions")] {
        answer.is_problem(503, "unavailable", of);
        assert!(answer.header("retry-after").is_some(), "{of}");
        assert!(!answer.body.to_string().contains("elsewhere") && !answer.body.to_string().contains("table"), "{of}");
    }
    service.store.connection().execute_unprepared("ALTER TABLE elsewhere RENAME TO accounts").await?;
    assert_eq!(top_up(&service, "u", "1").await?.body["balance"], "1.00", "it goes on when the database does");
    Ok(())
}
