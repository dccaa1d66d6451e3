//! The history of the orders database; nothing of payments.

mod m20261121_000002_create_orders;
mod m20261122_000003_cancel_orders;

use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use crate::{MigrateError, compare_by_bytes::CompareByBytes, exclusive, identity::CreateIdentity, messaging};

const COMPARED: [(&str, &[&str]); 2] =
    [("orders", &["user_id", "idempotency_key", "status"]), ("parked", &["queue", "state"])];
const UNIQUE: [(&str, &[&str]); 1] = [("orders", &["user_id", "idempotency_key"])];

/// Whose database it is.
pub const SERVICE: &str = "orders-svc";

/// The migrations of the orders database in order. Run them with [`up`], which holds the lock.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(messaging::CreateMessaging),
            Box::new(m20261121_000002_create_orders::Migration),
            Box::new(m20261122_000003_cancel_orders::Migration),
            Box::new(CreateIdentity { service: SERVICE, kept_in: "orders" }),
            Box::new(CompareByBytes { columns: &COMPARED, unique: &UNIQUE }),
        ]
    }
}

/// Brings the orders database up to date, all or nothing. Any number of instances may call it at the same moment.
///
/// # Errors
/// [`MigrateError`] says whether to try again, and when.
pub async fn up(db: &DatabaseConnection) -> Result<(), MigrateError> {
    exclusive::up::<Migrator, crate::payments::Migrator>(db, crate::payments::SERVICE).await
}

/// Takes the orders database back to nothing, all or nothing. Every order is gone afterwards.
pub async fn down(db: &DatabaseConnection) -> Result<(), DbErr> {
    exclusive::down::<Migrator>(db).await
}
