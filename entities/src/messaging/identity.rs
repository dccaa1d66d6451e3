//! The one row of `identity`: what this database is, whose and in which currency.

use sea_orm::entity::prelude::*;

/// A database's identity.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Whose it is: `orders-svc` or `payments-svc`.
    pub service: String,
    /// Its name among all databases; a copy has its original's.
    pub database_id: Uuid,
    /// The database of the other service that it belongs together with, once it knows it.
    pub partner_id: Option<Uuid>,
    /// The currency of all its amounts, an ISO 4217 code; the first start writes it.
    pub currency: Option<String>,
    /// When the shop's data begins, in microseconds since the Unix epoch.
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
