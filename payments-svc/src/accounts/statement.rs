//! What clients read of an account: its balance and its entries, straight from the database.
//! Absent: changes, and the actors; a read waits for nobody.

use entities::payments::{account, entry};
use saga::UserId;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use store::Store;

/// The account, if the user has one.
///
/// # Errors
/// The driver's.
pub async fn account(store: &Store, user: &UserId) -> Result<Option<account::Model>, DbErr> {
    account::Entity::find_by_id(user.as_str().to_owned()).one(store.connection()).await
}

/// Up to `limit` entries, newest first, below the entry number `before`.
///
/// # Errors
/// The driver's.
pub async fn entries(
    store: &Store,
    user: &UserId,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<entry::Model>, DbErr> {
    let mut query = entry::Entity::find().filter(entry::Column::UserId.eq(user.as_str()));
    if let Some(before) = before {
        query = query.filter(entry::Column::Seq.lt(before));
    }
    query.order_by_desc(entry::Column::Seq).limit(limit).all(store.connection()).await
}
