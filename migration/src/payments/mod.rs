//! The history of the payments database; nothing of orders.

mod m20261121_000002_create_accounts;
mod m20261121_000003_create_entries;
mod m20261121_000004_create_payments;
mod m20261122_000005_cancel_payments;

use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use crate::{MigrateError, compare_by_bytes::CompareByBytes, exclusive, identity::CreateIdentity, messaging};

const COMPARED: [(&str, &[&str]); 3] =
    [("accounts", &["user_id"]), ("entries", &["user_id", "kind", "idempotency_key"]), ("parked", &["queue", "state"])];
const UNIQUE: [(&str, &[&str]); 4] = [
    ("accounts", &["user_id"]),
    ("entries", &["user_id", "seq"]),
    ("entries", &["order_id", "kind"]),
    ("entries", &["user_id", "idempotency_key"]),
];

/// Whose database it is.
pub const SERVICE: &str = "payments-svc";

/// The migrations of the payments database in order. Run them with [`up`], which holds the lock.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(messaging::CreateMessaging),
            Box::new(m20261121_000002_create_accounts::Migration),
            Box::new(m20261121_000003_create_entries::Migration),
            Box::new(m20261121_000004_create_payments::Migration),
            Box::new(m20261122_000005_cancel_payments::Migration),
            Box::new(CreateIdentity { service: SERVICE, kept_in: "accounts" }),
            Box::new(CompareByBytes { columns: &COMPARED, unique: &UNIQUE }),
        ]
    }
}

/// Brings the payments database up to date, all or nothing. Any number of instances may call it at the same moment.
///
/// # Errors
/// [`MigrateError`] says whether to try again, and when.
pub async fn up(db: &DatabaseConnection) -> Result<(), MigrateError> {
    exclusive::up::<Migrator, crate::orders::Migrator>(db, crate::orders::SERVICE).await
}

/// Takes the payments database back to nothing, all or nothing. All money is gone afterwards.
pub async fn down(db: &DatabaseConnection) -> Result<(), DbErr> {
    exclusive::down::<Migrator>(db).await
}
