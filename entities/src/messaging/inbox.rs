//! A row of `inbox`: the mark that a message was handled; the message itself is not kept.

use sea_orm::entity::prelude::*;

/// One handled message.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox")]
pub struct Model {
    /// The message's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: Uuid,
    /// When it was handled, in microseconds since the Unix epoch.
    pub handled_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
