//! A law that one database proves by itself: a statement that finds the rows which break it.
//! Absent: the laws (placed, ledger and traffic have them) and those that need both databases (compare).

use super::{Finding, Snapshot, report::EXAMPLES};
use crate::databases::DatabaseError;
use sea_orm::{DbErr, QueryResult};
use store::Sql;
use uuid::Uuid;

/// One law.
pub(super) struct Check {
    pub name: &'static str,
    pub law: &'static str,
    /// How many rows it is about.
    pub looked_at: &'static Sql,
    /// The first offenders as `id`, with the number of all of them.
    pub offenders: Sql,
    pub id: Id,
}

/// What an offender's id is.
#[derive(Clone, Copy)]
pub(super) enum Id {
    Uuid,
    Text,
}

/// Writes a [`Check`]; its statement selects the offenders' `id`.
macro_rules! check {
    ($name:expr; $law:expr, of $looked_at:ident, $id:ident $offenders:literal) => {
        Check {
            name: $name,
            law: $law,
            looked_at: &$looked_at,
            offenders: Sql::new(concat!(
                "SELECT id, count(*) OVER () AS violations FROM (",
                $offenders,
                ") AS offenders ORDER BY id LIMIT {1}"
            )),
            id: Id::$id,
        }
    };
}
pub(super) use check;

impl Check {
    pub async fn prove(&self, snapshot: &Snapshot) -> Result<Finding, DatabaseError> {
        let looked_at = snapshot.read(self.looked_at, Vec::new(), |row| count(row, "rows")).await?;
        let id = |row: &QueryResult| Ok((self.id.read(row)?, count(row, "violations")?));
        let offenders = snapshot.read(&self.offenders, vec![i64::from(EXAMPLES).into()], id).await?;
        let mut finding = Finding::new(self.name, self.law);
        finding.rows = looked_at.first().copied().unwrap_or_default();
        finding.violations = offenders.first().map_or(0, |(_, all)| *all);
        finding.examples = offenders.into_iter().map(|(id, _)| id).collect();
        Ok(finding)
    }
}

impl Id {
    fn read(self, row: &QueryResult) -> Result<String, DbErr> {
        match self {
            Self::Uuid => row.try_get::<Uuid>("", "id").map(|id| id.to_string()),
            Self::Text => row.try_get("", "id"),
        }
    }
}

/// A column that counts something.
pub(super) fn count(row: &QueryResult, column: &str) -> Result<u64, DbErr> {
    row.try_get::<i64>("", column).map(|count| u64::try_from(count).unwrap_or(0))
}

/// Proves one law after the other.
pub(super) async fn prove_all(checks: &[Check], snapshot: &Snapshot) -> Result<Vec<Finding>, DatabaseError> {
    let mut findings = Vec::with_capacity(checks.len());
    for check in checks {
        findings.push(check.prove(snapshot).await?);
    }
    Ok(findings)
}
