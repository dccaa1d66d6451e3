//! What two databases say about themselves, and whether that fits. Absent: their rows.

use super::{Finding, Snapshot};
use crate::databases::{Database, DatabaseError};
use sea_orm::{DbErr, QueryResult};
use store::Sql;
use uuid::Uuid;

static IDENTITY: Sql = Sql::new("SELECT database_id, partner_id, currency FROM identity");

struct Identity {
    id: Uuid,
    partner: Option<Uuid>,
    currency: Option<String>,
}

impl Identity {
    async fn of(snapshot: &Snapshot) -> Result<Option<Self>, DatabaseError> {
        let read = |row: &QueryResult| {
            Ok(Self {
                id: row.try_get("", "database_id")?,
                partner: row.try_get("", "partner_id")?,
                currency: row.try_get("", "currency")?,
            })
        };
        Ok(snapshot.read(&IDENTITY, Vec::new(), read).await?.pop())
    }
}

/// Whether both are in one currency; one that was never in use is in any. Two that do not belong together prove nothing.
pub(super) async fn agree(orders: &Snapshot, payments: &Snapshot) -> Result<Finding, DatabaseError> {
    let mut finding = Finding::new("currency", "both databases are in one currency");
    let (Some(orders), Some(payments)) = (Identity::of(orders).await?, Identity::of(payments).await?) else {
        return Ok(finding);
    };
    remembers(Database::Orders, &orders, &payments)?;
    remembers(Database::Payments, &payments, &orders)?;
    if let (Some(of_orders), Some(of_payments)) = (orders.currency, payments.currency) {
        finding.rows = 2;
        finding.note(of_orders == of_payments, || format!("orders {of_orders}, payments {of_payments}"));
    }
    Ok(finding)
}

fn remembers(database: Database, own: &Identity, other: &Identity) -> Result<(), DatabaseError> {
    match own.partner.filter(|partner| *partner != other.id) {
        None => Ok(()),
        Some(partner) => Err(DatabaseError {
            database,
            error: DbErr::Custom(format!(
                "its partner is the database {partner}, and the other one given here is {}: see gozon pair",
                other.id
            )),
        }),
    }
}
