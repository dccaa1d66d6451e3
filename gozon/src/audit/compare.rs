//! Orders beside payments: one walk over both databases in the order of order ids, at most a page of each in memory.
//! Absent: the laws themselves (pair has them) and laws of one database alone.

use super::{
    Finding, Report, Snapshot, UnderWay,
    money::{Totals, decimal},
    pages::{AboutOrder, PAGE, Pages},
    pair::{Law, Moved, Order, Payment, Status},
};
use crate::databases::{Database, DatabaseError};
use std::collections::HashMap;
use store::{Rows, Sql, Store};
use uuid::Uuid;

static FIND: Sql = Sql::over(
    "id uuid",
    "SELECT id, user_id, amount_minor, currency, status, reason, refund_transaction_id
     FROM orders WHERE id {any id}",
);

/// What payments knows of an order that orders did not have yet when it was asked first.
struct Early {
    order: Uuid,
    payment: Option<Payment>,
    moved: Option<Moved>,
}

/// What the walk has seen.
pub(super) struct Compared {
    final_answered: Finding,
    finished_debited: Finding,
    cancelled_free: Finding,
    verdict_status: Finding,
    refund_told: Finding,
    same_facts: Finding,
    payment_order: Finding,
    money_order: Finding,
    orders: u64,
    answered: u64,
    newer: u64,
    /// The price of all FINISHED orders.
    finished: i128,
    /// What the ledger holds for orders that were open, or not there yet, at the first snapshot. Negative: it was taken.
    in_flight: i128,
}

/// Walks over both.
pub(super) async fn orders_with_payments(
    orders: &Snapshot,
    payments: &Snapshot,
    later: &Store,
) -> Result<Compared, DatabaseError> {
    let mut placed = Pages::<Order>::of(orders);
    let mut verdicts = Pages::<Payment>::of(payments);
    let mut entries = Pages::<Moved>::of(payments);
    let mut compared = Compared::new();
    let mut early = Vec::new();
    loop {
        let heads = [placed.peek().await?, verdicts.peek().await?, entries.peek().await?];
        let Some(id) = heads.into_iter().flatten().min() else { break };
        let (payment, moved) = (verdicts.take(id), entries.take(id));
        match placed.take(id) {
            Some(order) => compared.order(&order, payment.as_ref(), moved.as_ref()),
            None => early.push(Early { order: id, payment, moved }),
        }
        if early.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX) {
            compared.look_again(later, &mut early).await?;
        }
    }
    compared.look_again(later, &mut early).await?;
    Ok(compared)
}

impl Compared {
    fn new() -> Self {
        Self {
            final_answered: Finding::new("final-answered", "each FINISHED or CANCELLED order was answered by payments"),
            finished_debited: Finding::new(
                "finished-debited",
                "each FINISHED order has exactly one debit, of its amount, on its user's account, and no refund",
            ),
            cancelled_free: Finding::new(
                "cancelled-free",
                "no CANCELLED order has a debit, unless exactly one refund balances it",
            ),
            verdict_status: Finding::new("verdict-status", "a final order's status and reason are payments' verdict"),
            refund_told: Finding::new(
                "refund-told",
                "a final order names the refund that payments made of it, and no other",
            ),
            same_facts: Finding::new("same-facts", "orders and payments agree on an order's user, amount and currency"),
            payment_order: Finding::new("payment-order", "no payment without an order"),
            money_order: Finding::new("money-order", "no debit or refund without an order"),
            orders: 0,
            answered: 0,
            newer: 0,
            finished: 0,
            in_flight: 0,
        }
    }

    /// An order of the first snapshot.
    fn order(&mut self, order: &Order, payment: Option<&Payment>, moved: Option<&Moved>) {
        self.orders += 1;
        match order.status {
            Status::Open => {
                self.answered += u64::from(payment.is_some() || moved.is_some());
                self.in_flight += moved.map_or(0, |moved| moved.net);
            }
            Status::Finished => {
                self.finished += i128::from(order.amount);
                self.finished_debited.rows += 1;
                self.final_answered.rows += 1;
            }
            Status::Cancelled => {
                self.cancelled_free.rows += 1;
                self.final_answered.rows += 1;
            }
        }
        self.count(payment, moved);
        self.broken(order, &order.breaks(payment, moved));
    }

    fn count(&mut self, payment: Option<&Payment>, moved: Option<&Moved>) {
        let payment = u64::from(payment.is_some());
        self.verdict_status.rows += payment;
        self.refund_told.rows += payment;
        self.same_facts.rows += payment;
        self.payment_order.rows += payment;
        self.money_order.rows += u64::from(moved.is_some());
    }

    fn broken(&mut self, order: &Order, laws: &[Law]) {
        for law in laws {
            let finding = match law {
                Law::FinalAnswered => &mut self.final_answered,
                Law::FinishedDebited => &mut self.finished_debited,
                Law::CancelledFree => &mut self.cancelled_free,
                Law::VerdictStatus => &mut self.verdict_status,
                Law::RefundTold => &mut self.refund_told,
                Law::SameFacts => &mut self.same_facts,
            };
            finding.note(false, || order.id.to_string());
        }
    }

    /// Looks up orders that payments knew at its snapshot, which is before now: they exist, or never did.
    async fn look_again(&mut self, later: &Store, early: &mut Vec<Early>) -> Result<(), DatabaseError> {
        if early.is_empty() {
            return Ok(());
        }
        let ids = Rows::new().uuids(early.iter().map(|early| early.order));
        let rows = FIND.query(later.connection(), ids, Vec::new()).await;
        let found =
            rows.and_then(|rows| rows.iter().map(|row| Order::read(row).map(|order| (order.id, order))).collect());
        let found: HashMap<_, _> = found.map_err(|error| DatabaseError { database: Database::Orders, error })?;
        for Early { order, payment, moved } in early.drain(..) {
            self.count(payment.as_ref(), moved.as_ref());
            match found.get(&order) {
                Some(order) => self.newer(order, payment.as_ref(), moved.as_ref()),
                None => {
                    self.payment_order.note(payment.is_none(), || order.to_string());
                    self.money_order.note(moved.is_none(), || order.to_string());
                }
            }
        }
        Ok(())
    }

    /// An order placed between the snapshots. Its status is from after payments' snapshot: only what never changes is compared.
    fn newer(&mut self, order: &Order, payment: Option<&Payment>, moved: Option<&Moved>) {
        self.newer += 1;
        self.in_flight += moved.map_or(0, |moved| moved.net);
        self.broken(order, &payment.map(|payment| order.contradicts(payment)).unwrap_or_default());
    }

    /// The two databases' sums beside each other; what is in flight is explained.
    pub fn sums(&self, ledger: &Totals) -> Finding {
        let mut finding =
            Finding::new("sums", "debits - refunds is the price of all FINISHED orders and of those in flight");
        let expected = self.finished - self.in_flight;
        finding.rows = self.orders;
        finding.note(expected == ledger.paid(), || {
            format!("the ledger kept {}, the orders explain {}", decimal(ledger.paid()), decimal(expected))
        });
        finding
    }

    pub fn into_report(self, report: &mut Report) {
        report.findings.extend([
            self.final_answered,
            self.finished_debited,
            self.cancelled_free,
            self.verdict_status,
            self.refund_told,
            self.same_facts,
            self.payment_order,
            self.money_order,
        ]);
        report.under_way.extend([
            UnderWay::new("NEW orders that payments has answered", self.answered),
            UnderWay::new("orders placed and answered while the audit began", self.newer),
        ]);
    }
}
