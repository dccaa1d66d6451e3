//! A row of `entries`: one link of an account's chain, written once; nothing ever changes or deletes it.

use sea_orm::entity::prelude::*;

/// One ledger entry.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entries")]
pub struct Model {
    /// The account's owner.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub user_id: String,
    /// The entry's place in the account's chain: 1, 2, 3 and so on without a gap.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// The transaction id that clients see.
    pub id: Uuid,
    /// `topup`, `debit` or `refund`.
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    /// The change of the balance in minor units: negative for a debit, otherwise positive.
    pub amount_minor: i64,
    /// The balance in minor units once this entry is counted.
    pub balance_after: i64,
    /// The order paid or refunded; absent exactly for a top-up.
    pub order_id: Option<Uuid>,
    /// The user's Idempotency-Key of a top-up, unique for each user.
    #[sea_orm(column_type = "Text", nullable)]
    pub idempotency_key: Option<String>,
    /// When the entry was written, in microseconds since the Unix epoch.
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
