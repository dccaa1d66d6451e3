//! The laws of the orders database alone. Absent: anything about money that was moved.

use super::{
    Finding, Snapshot,
    check::{Check, Id, check, prove_all},
};
use crate::databases::DatabaseError;
use store::Sql;

static ORDERS: Sql = Sql::new("SELECT count(*) AS rows FROM orders");
static KEYS: Sql = Sql::new("SELECT count(*) AS rows FROM orders WHERE idempotency_key IS NOT NULL");

static CHECKS: [Check; 5] = [
    check!("order-shape"; "an order's status, reason and amount are known words and fit each other", of ORDERS, Uuid
        "SELECT id FROM orders
         WHERE status NOT IN ('NEW', 'FINISHED', 'CANCELLED') OR (status = 'CANCELLED') <> (reason IS NOT NULL)
            OR reason NOT IN ('insufficient_funds', 'account_not_found', 'cancelled_by_user', 'payment_deadline')
            OR amount_minor <= 0"),
    check!("order-currency"; "orders are in the currency of their database", of ORDERS, Uuid
        "SELECT id FROM orders WHERE currency <> (SELECT currency FROM identity)"),
    check!("cancel-shape"; "a requested cancel has its cause and ends in no payment, and only a CANCELLED order names a refund", of ORDERS, Uuid
        "SELECT id FROM orders
         WHERE (cancel_cause IS NULL) <> (cancel_requested_at IS NULL)
            OR cancel_cause NOT IN ('cancelled_by_user', 'payment_deadline')
            OR status = 'FINISHED' AND cancel_requested_at IS NOT NULL
            OR status <> 'CANCELLED' AND refund_transaction_id IS NOT NULL"),
    check!("order-version"; "versions begin at 1, and a final order has changed since", of ORDERS, Uuid
        "SELECT id FROM orders WHERE version < CASE status WHEN 'NEW' THEN 1 ELSE 2 END"),
    check!("order-key"; "an Idempotency-Key has made one order", of KEYS, Text
        "SELECT user_id || ' ' || idempotency_key AS id FROM orders WHERE idempotency_key IS NOT NULL
         GROUP BY user_id, idempotency_key HAVING count(*) > 1"),
];

pub(super) async fn prove(orders: &Snapshot) -> Result<Vec<Finding>, DatabaseError> {
    prove_all(&CHECKS, orders).await
}
