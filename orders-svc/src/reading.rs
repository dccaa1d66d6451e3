//! What clients read of orders, straight from the database, and how a row becomes an order.
//! Absent: changes, and the actors; a read waits for nobody.

use crate::order::{Order, OrderDraft};
use entities::orders::order::{Column, Entity, Model};
use saga::{Amount, OrderId, TransactionId, UserId, order::State};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect};
use std::time::Duration;
use store::{Micros, Store};
use uuid::Uuid;

/// The order, if it is this user's.
///
/// # Errors
/// The driver's.
pub async fn order(store: &Store, user: &UserId, id: OrderId) -> Result<Option<Order>, DbErr> {
    let row = Entity::find_by_id(id.uuid()).filter(Column::UserId.eq(user.as_str())).one(store.connection()).await?;
    row.map(Order::try_from).transpose()
}

/// Up to `limit` of the user's orders, newest first, older than `before`, of one status if given.
///
/// # Errors
/// The driver's.
pub async fn orders(
    store: &Store,
    user: &UserId,
    status: Option<&str>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Order>, DbErr> {
    let mut query = Entity::find().filter(Column::UserId.eq(user.as_str()));
    if let Some(status) = status {
        query = query.filter(Column::Status.eq(status));
    }
    if let Some(before) = before {
        query = query.filter(Column::Id.lt(before));
    }
    let rows = query.order_by_desc(Column::Id).limit(limit).all(store.connection()).await?;
    rows.into_iter().map(Order::try_from).collect()
}

/// How long before its last change an order may have been placed for a resume to find it. Bounds what a resume has to look through
/// without an index on the time of change, which would make every settlement touch all indexes (see the decision record on pushes).
const PLACED_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);

/// Up to `limit` of the user's orders that changed later than `since`, in the order of their changes, behind `after`.
///
/// # Errors
/// The driver's.
pub async fn changed_since(
    store: &Store,
    user: &UserId,
    since: Micros,
    after: Option<(Micros, OrderId)>,
    limit: u64,
) -> Result<Vec<Order>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::Id.gte(first_id_at(since.minus(PLACED_WITHIN))))
        .filter(Column::UpdatedAt.gt(since.0));
    if let Some((time, id)) = after {
        let later = Column::UpdatedAt.gt(time.0);
        query = query.filter(later.or(Column::UpdatedAt.eq(time.0).and(Column::Id.gt(id.uuid()))));
    }
    let rows =
        query.order_by_asc(Column::UpdatedAt).order_by_asc(Column::Id).limit(limit).all(store.connection()).await?;
    rows.into_iter().map(Order::try_from).collect()
}

/// The smallest UUIDv7 of that time: its first 48 bits are the milliseconds.
pub(crate) fn first_id_at(time: Micros) -> Uuid {
    let millis = u128::try_from(time.0 / 1000).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

impl TryFrom<Model> for Order {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Self, DbErr> {
        fn damaged(what: impl ToString) -> DbErr {
            DbErr::Type(what.to_string())
        }
        let cancelling = row.cancel_cause.as_deref();
        let cause = cancelling.map(str::parse).transpose().map_err(damaged)?;
        Ok(Self {
            id: OrderId::new(row.id),
            draft: OrderDraft {
                user_id: UserId::parse(row.user_id).map_err(damaged)?,
                amount: Amount::from_minor(row.amount_minor).map_err(damaged)?,
                description: row.description,
                idempotency_key: row.idempotency_key,
            },
            currency: row.currency.parse().map_err(damaged)?,
            state: State::from_words(&row.status, row.reason.as_deref(), cancelling).map_err(damaged)?,
            version: row.version,
            created_at: Micros(row.created_at),
            updated_at: Micros(row.updated_at),
            pay_before: Micros(row.pay_before),
            cancel_requested: row.cancel_requested_at.map(Micros).zip(cause),
            refund: row.refund_transaction_id.map(TransactionId::new),
        })
    }
}
