//! What two databases say about themselves, and whether that fits. Absent: their rows.

use super::{Finding, Snapshot};
use crate::databases::DatabaseError;
use store::Sql;

static CURRENCY: Sql = Sql::new("SELECT currency FROM identity");

/// Whether both are in one currency; one that was never in use is in any.
pub(super) async fn agree(orders: &Snapshot, payments: &Snapshot) -> Result<Finding, DatabaseError> {
    let mut known = Vec::new();
    for (name, snapshot) in [("orders", orders), ("payments", payments)] {
        let currencies =
            snapshot.read(&CURRENCY, Vec::new(), |row| row.try_get::<Option<String>>("", "currency")).await?;
        known.extend(currencies.into_iter().flatten().map(|currency| (name, currency)));
    }
    let mut finding = Finding::new("currency", "both databases are in one currency");
    finding.rows = u64::try_from(known.len()).unwrap_or(u64::MAX);
    let agree = known.windows(2).all(|both| both[0].1 == both[1].1);
    finding.note(agree, || {
        known.iter().map(|(name, currency)| format!("{name} {currency}")).collect::<Vec<_>>().join(", ")
    });
    Ok(finding)
}
