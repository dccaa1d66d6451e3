//! The laws of an order, whatever happened to it: how it may end, what it has cost then, and that an end is for ever.
//! Absent: the laws of the books as a whole (the audit has them).

use crate::shop::TestResult;
use gozon::databases::Databases;
use saga::{OrderId, messages::StatusChange};
use std::collections::{BTreeMap, BTreeSet};
use store::{Rows, Sql};
use uuid::Uuid;

static ORDERS: Sql =
    Sql::new("SELECT id, amount_minor, status, reason, version, updated_at, cancel_cause FROM orders ORDER BY id");
static ENTRIES: Sql =
    Sql::new("SELECT order_id, kind, amount_minor FROM entries WHERE order_id IS NOT NULL ORDER BY user_id, seq");
static BALANCES: Sql = Sql::new("SELECT user_id, balance_minor, seq FROM accounts ORDER BY user_id");

/// How an order has ended, and what payments did for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    Paid,
    Declined,
    /// Cancelled before it was paid, by the buyer.
    Fenced,
    /// Paid and given back, because the buyer wished it.
    Refunded,
    /// Cancelled before it was paid, for it was late.
    FencedLate,
    /// Paid and given back, for it was late: the answer was on its way for too long.
    RefundedLate,
}

impl Ending {
    pub const ALL: [Self; 6] =
        [Self::Paid, Self::Declined, Self::Fenced, Self::Refunded, Self::FencedLate, Self::RefundedLate];
}

/// An order as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    amount: i64,
    status: String,
    reason: Option<String>,
    version: i32,
    updated_at: i64,
    cancel_cause: Option<String>,
}

/// All that the two databases say of orders and money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub orders: BTreeMap<Uuid, Row>,
    entries: BTreeMap<Uuid, Vec<(String, i64)>>,
    balances: Vec<(String, i64, i64)>,
}

impl Seen {
    pub async fn of(books: &Databases) -> TestResult<Self> {
        let mut orders = BTreeMap::new();
        for row in ORDERS.query(books.orders.connection(), Rows::new(), Vec::new()).await? {
            let order = Row {
                amount: row.try_get("", "amount_minor")?,
                status: row.try_get("", "status")?,
                reason: row.try_get("", "reason")?,
                version: row.try_get("", "version")?,
                updated_at: row.try_get("", "updated_at")?,
                cancel_cause: row.try_get("", "cancel_cause")?,
            };
            orders.insert(row.try_get("", "id")?, order);
        }
        let mut entries: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in ENTRIES.query(books.payments.connection(), Rows::new(), Vec::new()).await? {
            let moved = (row.try_get("", "kind")?, row.try_get("", "amount_minor")?);
            entries.entry(row.try_get("", "order_id")?).or_default().push(moved);
        }
        let mut balances = Vec::new();
        for row in BALANCES.query(books.payments.connection(), Rows::new(), Vec::new()).await? {
            balances.push((row.try_get("", "user_id")?, row.try_get("", "balance_minor")?, row.try_get("", "seq")?));
        }
        Ok(Self { orders, entries, balances })
    }

    /// How an order has ended, if that is a way in which one may.
    fn ending(&self, id: Uuid, order: &Row) -> TestResult<Ending> {
        let moved: Vec<_> =
            self.entries.get(&id).into_iter().flatten().map(|(kind, by)| (kind.as_str(), *by)).collect();
        let (nothing, paid) = (moved.is_empty(), moved == [("debit", -order.amount)]);
        let refunded = moved == [("debit", -order.amount), ("refund", order.amount)];
        let caused = order.reason == order.cancel_cause;
        let ending = match (order.status.as_str(), order.reason.as_deref()) {
            ("FINISHED", None) if paid && order.cancel_cause.is_none() => Ending::Paid,
            ("CANCELLED", Some("insufficient_funds" | "account_not_found")) if nothing => Ending::Declined,
            ("CANCELLED", Some("cancelled_by_user")) if nothing && caused => Ending::Fenced,
            ("CANCELLED", Some("cancelled_by_user")) if refunded && caused => Ending::Refunded,
            ("CANCELLED", Some("payment_deadline")) if nothing && caused => Ending::FencedLate,
            ("CANCELLED", Some("payment_deadline")) if refunded && caused => Ending::RefundedLate,
            _ => return Err(format!("order {id} has ended as {order:?} with {moved:?}").into()),
        };
        Ok(ending)
    }
}

/// Who remembers what was seen and promised.
#[derive(Debug, Default)]
pub struct Witness {
    last: BTreeMap<Uuid, Row>,
    to_cancel: BTreeSet<Uuid>,
}

impl Witness {
    /// The buyer was told that the order will be cancelled unless payments declines it.
    pub fn promised_to_cancel(&mut self, order: OrderId) {
        self.to_cancel.insert(order.uuid());
    }

    /// The buyer was told that the order is final, so it is.
    pub fn told_too_late(&self, order: OrderId, seen: &Seen) -> TestResult {
        match seen.orders.get(&order.uuid()) {
            Some(row) if row.status != "NEW" => Ok(()),
            other => Err(format!("too late to cancel {order}, and it is {other:?}").into()),
        }
    }

    /// Compares with what was seen before: an order that was final is as it was, no order has vanished, versions only grow.
    pub fn look(&mut self, seen: &Seen) -> TestResult {
        for (id, before) in &self.last {
            let now = seen.orders.get(id).ok_or_else(|| format!("order {id} has vanished"))?;
            let allowed =
                if before.status == "NEW" { now == before || now.version > before.version } else { now == before };
            if !allowed {
                return Err(format!("order {id} was {before:?} and is {now:?}").into());
            }
        }
        self.last = seen.orders.clone();
        Ok(())
    }

    /// What everybody was told of an order is how it has ended, each time.
    pub fn check_announced(seen: &Seen, announced: &[StatusChange]) -> TestResult {
        for change in announced {
            let order = seen.orders.get(&change.order_id.uuid());
            let told =
                |row: &Row| (&change.status, &change.reason, change.version) == (&row.status, &row.reason, row.version);
            if !order.is_some_and(told) {
                return Err(format!("{change:?} was announced of {order:?}").into());
            }
        }
        let told: BTreeSet<_> = announced.iter().map(|change| change.order_id.uuid()).collect();
        let untold: Vec<_> = seen.orders.keys().filter(|id| !told.contains(id)).collect();
        if untold.is_empty() { Ok(()) } else { Err(format!("nobody was told of {untold:?}").into()) }
    }

    /// How all orders have ended.
    pub fn endings(&self, seen: &Seen) -> TestResult<Vec<Ending>> {
        let ending = |(id, order): (&Uuid, &Row)| {
            let ending = seen.ending(*id, order)?;
            if ending == Ending::Paid && self.to_cancel.contains(id) {
                return Err(format!("order {id} was to be cancelled, and is paid").into());
            }
            Ok(ending)
        };
        seen.orders.iter().map(ending).collect()
    }
}
