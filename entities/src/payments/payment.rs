//! A row of `payments`: the one answer payments gave about an order, kept for ever; only a payment may still be given back.

use sea_orm::entity::prelude::*;

/// One order's verdict.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    /// The order that was answered.
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    /// The buyer.
    #[sea_orm(column_type = "Text")]
    pub user_id: String,
    /// The amount asked for, in minor units.
    pub amount_minor: i64,
    /// The amount's currency, an ISO 4217 code.
    #[sea_orm(column_type = "Text")]
    pub currency: String,
    /// `succeeded`, `declined` or `cancelled`.
    #[sea_orm(column_type = "Text")]
    pub verdict: String,
    /// Why it was declined, or who had it cancelled; there unless it succeeded.
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    /// The id of the debit entry; there when the payment succeeded, also when it was given back since.
    pub transaction_id: Option<Uuid>,
    /// The id of the refund entry; there exactly when the payment was given back.
    pub refund_id: Option<Uuid>,
    /// When payments decided, in microseconds since the Unix epoch.
    pub decided_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
