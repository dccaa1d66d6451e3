//! The audit: proves the books on both databases, also while the shop is running. Absent: any repair, and any write.
//!
//! # What makes it free of races
//!
//! The two databases share no transaction, so they are seen at two moments, `o` and `p`, each in one consistent [`Snapshot`].
//! What happens to an order happens in this order, each step caused by the commit before it:
//!
//! ```text
//!   orders: NEW  -->  payments: verdict, debit (refund)  -->  orders: FINISHED or CANCELLED
//! ```
//!
//! Orders and payments are never deleted, entries never change, a verdict only from paid to given back, which its order waits for, a
//! final order never changes. The audit takes `o`
//! first and `p` after it, so:
//!
//! - an order that is **final in `o`** was answered before `o`, therefore before `p`: its verdict, debit and refund must all be
//!   in `p`, and nothing can come to them later. Anything else is a violation.
//! - an order that is **NEW in `o`** may have got any answer until `p`, or none: its money is in flight, which is no violation.
//! - a debit or verdict in `p` **without an order in `o`** may belong to an order placed between `o` and `p`. Such ids are looked
//!   up once more *after* `p`, with plain reads: an order that payments knew at `p` is there at any later time. One that is still
//!   missing is a violation.
//!
//! The other way round (`p` before `o`) every order that settles between the two would look paid without a debit, and each would
//! need a second look; so would a single snapshot of either side. Whatever concerns one database alone needs no order at all.

mod check;
mod compare;
mod identity;
mod ledger;
mod money;
mod pages;
mod pair;
mod placed;
mod report;
mod snapshot;
mod traffic;

pub use report::{Finding, Report, UnderWay};
pub use snapshot::Snapshot;

use crate::databases::{Database, DatabaseError};
use store::Store;

/// Why there is no report: a database gave no answer.
pub type AuditError = DatabaseError;

/// What the books have to show beyond being right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// Traffic has stopped: no order is NEW, the outboxes are empty, nothing is set aside.
    pub settled: bool,
}

/// Both databases, seen at the right moments.
#[derive(Debug)]
pub struct Books {
    orders: Snapshot,
    payments: Snapshot,
    /// Orders as they are after both snapshots.
    later: Store,
}

/// Proves the books. Let it run to its end: cut off while it begins a snapshot, it would leave that open in the pool.
///
/// # Errors
/// [`AuditError`] when a database gives no answer; books that are wrong are no error but a [`Report`].
pub async fn audit(orders: &Store, payments: &Store, expectations: Expectations) -> Result<Report, AuditError> {
    let first = Snapshot::take(orders, Database::Orders).await?;
    let then = Snapshot::take(payments, Database::Payments).await?;
    Books::new(first, then, orders).prove(expectations).await
}

impl Books {
    /// From a snapshot of orders, one of payments **taken after it**, and the orders database itself.
    pub fn new(orders: Snapshot, payments: Snapshot, later: &Store) -> Self {
        Self { orders, payments, later: later.clone() }
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// [`AuditError`] when a database gives no answer.
    pub async fn prove(self, expectations: Expectations) -> Result<Report, AuditError> {
        let report = self.look(expectations).await;
        // They only read: whether a snapshot ends in order makes no difference to what was seen.
        drop(self.orders.end().await);
        drop(self.payments.end().await);
        report
    }

    async fn look(&self, expectations: Expectations) -> Result<Report, AuditError> {
        let mut report = Report::new(expectations);
        report.findings.push(identity::agree(&self.orders, &self.payments).await?);
        let (placed, ledger) = tokio::try_join!(placed::prove(&self.orders), ledger::prove(&self.payments))?;
        report.findings.extend(placed);
        report.findings.extend(ledger);
        let money = money::Totals::read(&self.payments).await?;
        report.findings.push(money.balanced());
        let compared = compare::orders_with_payments(&self.orders, &self.payments, &self.later).await?;
        report.findings.push(compared.sums(&money));
        report.money = money.shown();
        compared.into_report(&mut report);
        traffic::look(&self.orders, &self.payments, &mut report).await?;
        Ok(report.concluded())
    }
}
