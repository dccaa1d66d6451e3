//! The entities fit the migrated schema: the same columns, and a row read is the row written, full and bare.

use std::{collections::BTreeSet, fmt::Debug};

use entities::{
    messaging::{identity, inbox, outbox, parked},
    orders::order,
    payments::{account, entry, payment},
};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IdenStatic,
    IntoActiveModel, Iterable, Statement,
};
use uuid::Uuid;

use crate::database::{TestDatabase, TestResult};

/// Larger than what 32 bits or a double hold exactly.
const LARGE: i64 = 9_007_199_254_740_993;

pub async fn models_of_the_orders_database_match_its_tables(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    migration::orders::up(&db).await?;
    round_trip::<order::Entity, order::ActiveModel>(&db, [full_order(), bare_order()]).await?;
    messaging_round_trips(&db).await
}

pub async fn models_of_the_payments_database_match_its_tables(database: TestDatabase) -> TestResult {
    let db = database.connect().await?;
    migration::payments::up(&db).await?;
    round_trip::<account::Entity, account::ActiveModel>(&db, [account()]).await?;
    round_trip::<entry::Entity, entry::ActiveModel>(&db, [topup(), debit()]).await?;
    round_trip::<payment::Entity, payment::ActiveModel>(&db, [success(), decline()]).await?;
    messaging_round_trips(&db).await
}

async fn messaging_round_trips(db: &DatabaseConnection) -> TestResult {
    let row = identity::Entity::find_by_id(1).one(db).await?.ok_or("the migration writes the row")?;
    db.execute_unprepared("DELETE FROM identity").await?;
    let known = identity::Model {
        partner_id: Some(Uuid::now_v7()),
        currency: Some("RUB".to_owned()),
        created_at: LARGE,
        ..row
    };
    round_trip::<identity::Entity, identity::ActiveModel>(db, [known]).await?;
    round_trip::<outbox::Entity, outbox::ActiveModel>(db, [message()]).await?;
    round_trip::<inbox::Entity, inbox::ActiveModel>(db, [mark()]).await?;
    round_trip::<parked::Entity, parked::ActiveModel>(db, [retrying(), dead()]).await
}

async fn round_trip<E, A>(db: &DatabaseConnection, models: impl IntoIterator<Item = E::Model>) -> TestResult
where
    E: EntityTrait + Default,
    E::Model: IntoActiveModel<A> + Clone + PartialEq + Debug,
    A: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    for model in models {
        assert_eq!(model.clone().into_active_model().insert(db).await?, model);
        assert!(E::find().all(db).await?.contains(&model), "{model:?} was not read back");
    }
    assert_eq!(columns_of_table(db, E::default().table_name()).await?, columns_of_entity::<E>());
    Ok(())
}

fn columns_of_entity<E: EntityTrait>() -> BTreeSet<String> {
    E::Column::iter().map(|column| column.as_str().to_owned()).collect()
}

async fn columns_of_table(db: &DatabaseConnection, table: &str) -> TestResult<BTreeSet<String>> {
    let any_row = Statement::from_string(db.get_database_backend(), format!("SELECT * FROM {table} LIMIT 1"));
    let row = db.query_one_raw(any_row).await?.ok_or("the table is empty")?;
    Ok(row.column_names().into_iter().collect())
}

fn full_order() -> order::Model {
    order::Model {
        id: Uuid::now_v7(),
        user_id: "ann".to_owned(),
        amount_minor: 100_000_000_000_000,
        currency: "RUB".to_owned(),
        description: Some("две книги 📚".to_owned()),
        status: "CANCELLED".to_owned(),
        reason: Some("cancelled_by_user".to_owned()),
        version: i32::MAX,
        created_at: LARGE,
        updated_at: LARGE,
        pay_before: LARGE,
        cancel_requested_at: Some(LARGE),
        cancel_cause: Some("cancelled_by_user".to_owned()),
        refund_transaction_id: Some(Uuid::now_v7()),
        idempotency_key: Some("key".to_owned()),
    }
}

fn bare_order() -> order::Model {
    order::Model {
        id: Uuid::now_v7(),
        description: None,
        status: "NEW".to_owned(),
        reason: None,
        cancel_requested_at: None,
        cancel_cause: None,
        refund_transaction_id: None,
        idempotency_key: None,
        ..full_order()
    }
}

fn account() -> account::Model {
    account::Model {
        user_id: "ann".to_owned(),
        balance_minor: 100_000_000_000_000,
        seq: LARGE,
        currency: "RUB".to_owned(),
        created_at: LARGE,
    }
}

fn topup() -> entry::Model {
    entry::Model {
        user_id: "ann".to_owned(),
        seq: LARGE,
        id: Uuid::now_v7(),
        kind: "topup".to_owned(),
        amount_minor: LARGE,
        balance_after: LARGE,
        order_id: None,
        idempotency_key: Some("key".to_owned()),
        created_at: LARGE,
    }
}

fn debit() -> entry::Model {
    entry::Model {
        seq: 1,
        kind: "debit".to_owned(),
        amount_minor: -LARGE,
        order_id: Some(Uuid::now_v7()),
        idempotency_key: None,
        ..topup()
    }
}

fn success() -> payment::Model {
    payment::Model {
        order_id: Uuid::now_v7(),
        user_id: "ann".to_owned(),
        amount_minor: LARGE,
        currency: "RUB".to_owned(),
        verdict: "succeeded".to_owned(),
        reason: None,
        transaction_id: Some(Uuid::now_v7()),
        refund_id: None,
        decided_at: LARGE,
    }
}

fn decline() -> payment::Model {
    payment::Model {
        verdict: "declined".to_owned(),
        reason: Some("account_not_found".to_owned()),
        transaction_id: None,
        ..success()
    }
}

fn message() -> outbox::Model {
    outbox::Model {
        id: Uuid::now_v7(),
        routing_key: "payment.requested".to_owned(),
        partition_key: "ann".to_owned(),
        body: r#"{"specversion":"1.0"}"#.to_owned(),
        lease_until: LARGE,
        created_at: LARGE,
    }
}

fn mark() -> inbox::Model {
    inbox::Model { message_id: Uuid::now_v7(), handled_at: LARGE }
}

fn retrying() -> parked::Model {
    parked::Model {
        id: Uuid::now_v7(),
        queue: "payments.requests".to_owned(),
        message_id: Some("not a uuid".to_owned()),
        body: vec![0x00, 0xff, 0x27, 0x80],
        state: "retrying".to_owned(),
        attempts: i32::MAX,
        next_attempt_at: Some(LARGE),
        error: "no such account".to_owned(),
        first_failed_at: LARGE,
        updated_at: LARGE,
    }
}

fn dead() -> parked::Model {
    parked::Model {
        id: Uuid::now_v7(),
        message_id: None,
        body: Vec::new(),
        state: "dead".to_owned(),
        next_attempt_at: None,
        ..retrying()
    }
}
