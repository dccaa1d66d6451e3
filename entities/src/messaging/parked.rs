//! A row of `parked`: a message whose handling failed, waiting for a retry or an operator; no retry policy.

use sea_orm::entity::prelude::*;

/// One message set aside.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "parked")]
pub struct Model {
    /// The row's own id: a message set aside may have no readable id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The queue it came from.
    #[sea_orm(column_type = "Text")]
    pub queue: String,
    /// The message's id as it was sent, where it could be read.
    #[sea_orm(column_type = "Text", nullable)]
    pub message_id: Option<String>,
    /// The message as it arrived, byte for byte.
    #[sea_orm(column_type = "Blob")]
    pub body: Vec<u8>,
    /// `retrying`, `parked` or `dead`.
    #[sea_orm(column_type = "Text")]
    pub state: String,
    /// How often handling it has failed.
    pub attempts: i32,
    /// When it is tried again, in microseconds since the Unix epoch; there exactly while `retrying`.
    pub next_attempt_at: Option<i64>,
    /// The last error, for an operator to read.
    #[sea_orm(column_type = "Text")]
    pub error: String,
    /// When it failed first, in microseconds since the Unix epoch.
    pub first_failed_at: i64,
    /// When the row last changed, in microseconds since the Unix epoch.
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
