//! A row of `orders`: one order as it stands now; no state machine and no history.

use sea_orm::entity::prelude::*;

/// One order.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    /// The order's id, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The buyer, opaque.
    #[sea_orm(column_type = "Text")]
    pub user_id: String,
    /// The price in minor units, greater than zero.
    pub amount_minor: i64,
    /// The price's currency, an ISO 4217 code.
    #[sea_orm(column_type = "Text")]
    pub currency: String,
    /// The buyer's own words about the order.
    #[sea_orm(column_type = "Text", nullable)]
    pub description: Option<String>,
    /// `NEW`, `FINISHED` or `CANCELLED`.
    #[sea_orm(column_type = "Text")]
    pub status: String,
    /// Why the order was cancelled; there exactly when the status is `CANCELLED`.
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    /// Starts at 1 and grows by one with each change.
    pub version: i32,
    /// When the order was placed, in microseconds since the Unix epoch.
    pub created_at: i64,
    /// When the order last changed, in microseconds since the Unix epoch.
    pub updated_at: i64,
    /// The payment deadline, in microseconds since the Unix epoch.
    pub pay_before: i64,
    /// When a cancel was first asked for, in microseconds since the Unix epoch.
    pub cancel_requested_at: Option<i64>,
    /// Who asked: `cancelled_by_user` or `payment_deadline`; there exactly when somebody did.
    #[sea_orm(column_type = "Text", nullable)]
    pub cancel_cause: Option<String>,
    /// The entry that gave the money back; only of an order that is `CANCELLED`.
    pub refund_transaction_id: Option<Uuid>,
    /// The buyer's Idempotency-Key, unique for each buyer.
    #[sea_orm(column_type = "Text", nullable)]
    pub idempotency_key: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
