//! Whether two databases belong together, and making them a pair by hand.
//! Absent: learning the partner from messages; the services do that by themselves.

use crate::{
    databases::{Database, DatabaseError, Databases, refuse_another},
    table::{Side, Table},
};
use entities::messaging::{identity, outbox};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, TransactionTrait,
};
use std::fmt;
use store::Store;
use uuid::Uuid;

/// What two databases say of each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    orders: identity::Model,
    payments: identity::Model,
}

/// Whether they belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// Each remembers the other.
    Yes,
    /// At least one remembers nobody yet, and none remembers anybody else.
    NotYet,
    /// One remembers another database.
    No,
}

impl Standing {
    /// Asks both.
    ///
    /// # Errors
    /// [`DatabaseError`] when one gives no answer, is of an older version, or of the other service.
    pub async fn read(databases: &Databases) -> Result<Self, DatabaseError> {
        let [orders, payments] = databases.both();
        Ok(Self { orders: identity(orders).await?, payments: identity(payments).await? })
    }

    /// Whether they belong together.
    pub fn together(&self) -> Together {
        let says =
            |one: &identity::Model, other: &identity::Model| one.partner_id.map(|known| known == other.database_id);
        match (says(&self.orders, &self.payments), says(&self.payments, &self.orders)) {
            (Some(true), Some(true)) => Together::Yes,
            (Some(false), _) | (_, Some(false)) => Together::No,
            _ => Together::NotYet,
        }
    }

    /// Makes each the other's partner, whomever they remember. Not while the services run: they know whom they remember.
    ///
    /// # Errors
    /// [`DatabaseError`] when one gives no answer; the same again does the rest.
    pub async fn accept(&self, databases: &Databases) -> Result<(), DatabaseError> {
        let (orders, payments) = (self.orders.database_id, self.payments.database_id);
        let [of_orders, of_payments] = databases.both();
        rewrite(of_orders, orders, payments).await?;
        rewrite(of_payments, payments, orders).await
    }

    /// Gives both new identities, as a copy needs that is not to be taken for its original, and makes them a pair.
    ///
    /// # Errors
    /// [`DatabaseError`] when one gives no answer; the same again gives both newer ones.
    pub async fn renew(&self, databases: &Databases) -> Result<(), DatabaseError> {
        let renewed = |one: &identity::Model| identity::Model { database_id: Uuid::new_v4(), ..one.clone() };
        Self { orders: renewed(&self.orders), payments: renewed(&self.payments) }.accept(databases).await
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([("database", Side::Left), ("identity", Side::Left), ("partner", Side::Left)]);
        for (database, one) in [(Database::Orders, &self.orders), (Database::Payments, &self.payments)] {
            let partner = one.partner_id.map_or_else(|| "-".to_owned(), |partner| partner.to_string());
            table.row([database.to_string(), one.database_id.to_string(), partner]);
        }
        let verdict = match self.together() {
            Together::Yes => "they belong together",
            Together::NotYet => "they do not know each other yet, and will from the first payment on",
            Together::No => "they do not belong together",
        };
        writeln!(f, "{table}\n{verdict}")
    }
}

async fn identity((database, store): (Database, &Store)) -> Result<identity::Model, DatabaseError> {
    let read = async {
        refuse_another(store.pool(), database).await?;
        launch::meaning::read(store.pool()).await
    };
    read.await.map_err(|error| DatabaseError { database, error })
}

/// Writes who it is and who its partner is, there and in all that waits to be sent.
async fn rewrite((database, store): (Database, &Store), own: Uuid, partner: Uuid) -> Result<(), DatabaseError> {
    let written = store.alone(async {
        let transaction = store.pool().begin().await?;
        let mut row = launch::meaning::read(&transaction).await?.into_active_model();
        (row.database_id, row.partner_id) = (Set(own), Set(Some(partner)));
        row.update(&transaction).await?;
        readdress(&transaction, own, partner).await?;
        transaction.commit().await
    });
    written.await.map_err(|error| DatabaseError { database, error })
}

async fn readdress(transaction: &DatabaseTransaction, own: Uuid, partner: Uuid) -> Result<(), DbErr> {
    for row in outbox::Entity::find().all(transaction).await? {
        let mut event: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&row.body).map_err(|error| DbErr::Json(error.to_string()))?;
        event.insert("origin".to_owned(), own.to_string().into());
        event.insert("peer".to_owned(), partner.to_string().into());
        let body = serde_json::to_string(&event).map_err(|error| DbErr::Json(error.to_string()))?;
        outbox::ActiveModel { body: Set(body), ..row.into_active_model() }.update(transaction).await?;
    }
    Ok(())
}
