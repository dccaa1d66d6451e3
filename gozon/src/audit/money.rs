//! The sums over the whole ledger, exact in 128 bits on either database. Absent: single accounts (ledger checks those).

use super::{Finding, Snapshot, report::Money};
use crate::databases::DatabaseError;
use sea_orm::{DbErr, QueryResult};
use store::Sql;

/// A sum of 64-bit numbers travels as two, because SQLite's own refuses to leave 64 bits and PostgreSQL's is no whole number here.
const HALF: i128 = 1 << 32;

/// Columns `high` and `low`, together the sum of a 64-bit column; [`sum`] reads them.
macro_rules! sum_of {
    ($column:literal) => {
        concat!(
            "CAST(coalesce(sum(",
            $column,
            " / 4294967296), 0) AS bigint) AS high, ",
            "CAST(coalesce(sum(",
            $column,
            " % 4294967296), 0) AS bigint) AS low"
        )
    };
}
pub(super) use sum_of;

static MOVED: Sql = Sql::new(concat!("SELECT kind, ", sum_of!("amount_minor"), " FROM entries GROUP BY kind"));
static HELD: Sql = Sql::new(concat!("SELECT count(*) AS accounts, ", sum_of!("balance_minor"), " FROM accounts"));

/// The sum that the columns `high` and `low` make.
pub(super) fn sum(row: &QueryResult) -> Result<i128, DbErr> {
    Ok(i128::from(row.try_get::<i64>("", "high")?) * HALF + i128::from(row.try_get::<i64>("", "low")?))
}

/// All money, in minor units; debits count positive here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    accounts: u64,
    balances: i128,
    topups: i128,
    debits: i128,
    refunds: i128,
}

impl Totals {
    pub async fn read(payments: &Snapshot) -> Result<Self, DatabaseError> {
        let mut totals = Self::default();
        for (accounts, balances) in
            payments.read(&HELD, Vec::new(), |row| Ok((super::check::count(row, "accounts")?, sum(row)?))).await?
        {
            (totals.accounts, totals.balances) = (accounts, balances);
        }
        let by_kind = payments.read(&MOVED, Vec::new(), |row| Ok((row.try_get::<String>("", "kind")?, sum(row)?)));
        for (kind, moved) in by_kind.await? {
            match kind.as_str() {
                "topup" => totals.topups = moved,
                "debit" => totals.debits = -moved,
                "refund" => totals.refunds = moved,
                // Such an entry breaks entry-shape, and by not being counted the sum as well.
                _ => {}
            }
        }
        Ok(totals)
    }

    /// What buyers have paid and not got back.
    pub fn paid(&self) -> i128 {
        self.debits - self.refunds
    }

    pub fn balanced(&self) -> Finding {
        let mut finding = Finding::new("total", "top-ups - debits + refunds is the sum of all balances");
        let moved = self.topups - self.paid();
        finding.rows = self.accounts;
        finding.note(moved == self.balances, || {
            format!("the entries come to {}, the balances to {}", decimal(moved), decimal(self.balances))
        });
        finding
    }

    pub fn shown(&self) -> Money {
        Money {
            topups: decimal(self.topups),
            debits: decimal(self.debits),
            refunds: decimal(self.refunds),
            balances: decimal(self.balances),
        }
    }
}

/// With two decimals, as everywhere in the shop.
pub(super) fn decimal(minor: i128) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let minor = minor.unsigned_abs();
    format!("{sign}{}.{:02}", minor / 100, minor % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_two_decimals_and_a_sign() {
        assert_eq!(decimal(0), "0.00");
        assert_eq!(decimal(-5), "-0.05");
        assert_eq!(decimal(i128::from(i64::MAX) * 4), "368934881474191032.28");
    }
}
