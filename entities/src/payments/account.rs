//! A row of `accounts`: one user's balance now; how it came about is in `entries`.

use sea_orm::entity::prelude::*;

/// One account.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    /// The owner, opaque; a user has at most one account.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub user_id: String,
    /// The balance in minor units, never negative.
    pub balance_minor: i64,
    /// The number of the last entry, 0 before the first; also the version that a change checks.
    pub seq: i64,
    /// The account's currency, an ISO 4217 code.
    #[sea_orm(column_type = "Text")]
    pub currency: String,
    /// When the account was opened, in microseconds since the Unix epoch.
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
