//! A row of `outbox`: a message that is to be published; it is deleted, not marked, once the broker has confirmed it.

use sea_orm::entity::prelude::*;

/// One message on its way out.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// The message's id, a UUIDv7; the same through every publication.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Where the broker routes it, such as `payment.requested`.
    #[sea_orm(column_type = "Text")]
    pub routing_key: String,
    /// The user's id: messages with the same key stay in order where the broker partitions.
    #[sea_orm(column_type = "Text")]
    pub partition_key: String,
    /// The whole CloudEvent as JSON.
    #[sea_orm(column_type = "Text")]
    pub body: String,
    /// Until when a sender holds the row, in microseconds since the Unix epoch; 0 is free.
    pub lease_until: i64,
    /// When the row was written, in microseconds since the Unix epoch.
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
