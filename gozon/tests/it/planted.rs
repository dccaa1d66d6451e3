//! Each defect that books can have, to be planted alone in a healthy book, with exactly the checks that must name it.
//!
//! Absent: two entries of one account with one number, two payments or two orders with one id; those are primary keys.

#[path = "planted/ledger.rs"]
mod ledger;
#[path = "planted/orders.rs"]
mod orders;
#[path = "planted/payments.rs"]
mod payments;

pub use ledger::LEDGER;
pub use orders::ORDERS;
pub use payments::PAYMENTS;

/// A defect.
#[derive(Debug)]
pub struct Defect {
    pub name: &'static str,
    /// The statements that plant it in orders and in payments; [`expanded`] turns them into SQL.
    pub orders: &'static str,
    pub payments: &'static str,
    /// The checks that are violated then, and no other.
    pub checks: &'static [&'static str],
}

const fn in_orders(name: &'static str, orders: &'static str, checks: &'static [&'static str]) -> Defect {
    Defect { name, orders, payments: "", checks }
}

const fn in_payments(name: &'static str, payments: &'static str, checks: &'static [&'static str]) -> Defect {
    Defect { name, orders: "", payments, checks }
}

const fn in_both(
    name: &'static str,
    orders: &'static str,
    payments: &'static str,
    checks: &'static [&'static str],
) -> Defect {
    Defect { name, orders, payments, checks }
}

/// SQL, except for two abbreviations: `ENTRY (user, seq, id, kind, amount, balance after, order)` adds an entry, and
/// `ACCOUNT bob HAS 399 AFTER 3` sets a balance and its number of entries.
pub fn expanded(statements: &str) -> String {
    let sql = statements.split(';').map(|statement| {
        let words: Vec<_> = statement.split_whitespace().collect();
        match words[..] {
            ["ENTRY", ..] => statement.replacen(
                "ENTRY (",
                "INSERT INTO entries (created_at, user_id, seq, id, kind, amount_minor, balance_after, order_id) VALUES (1, ",
                1,
            ),
            ["ACCOUNT", user, "HAS", balance, "AFTER", seq] => {
                format!("UPDATE accounts SET balance_minor = {balance}, seq = {seq} WHERE user_id = '{user}'")
            }
            _ => statement.to_owned(),
        }
    });
    sql.collect::<Vec<_>>().join(";")
}

const OUTBOX: &str = "INSERT INTO outbox (id, routing_key, partition_key, body, lease_until, created_at) VALUES ([m1], 'k', 'p', '{}', 0, 1)";
const RETRYING: &str =
    "INSERT INTO parked (id, queue, body, state, attempts, next_attempt_at, error, first_failed_at, updated_at)
  VALUES ([m1], 'q', 'x', 'retrying', 1, 5, 'why', 1, 1)";
const PARKED: &str = "INSERT INTO parked (id, queue, body, state, attempts, error, first_failed_at, updated_at)
  VALUES ([m1], 'q', 'x', 'parked', 6, 'why', 1, 1)";
const DEAD: &str = "INSERT INTO parked (id, queue, body, state, attempts, error, first_failed_at, updated_at)
  VALUES ([m1], 'q', 'x', 'dead', 1, 'why', 1, 1)";

/// Defects that no constraint has to be lowered for to see them refused; in place of the checks, the constraint as PostgreSQL and as
/// SQLite name it.
pub const FORBIDDEN: [Defect; 8] = [
    in_payments(
        "two debits for an order",
        "ENTRY ('bob', 3, [tb3], 'debit', -100, 300, [F2])",
        &["entries_order_id_kind", "UNIQUE constraint failed: entries.order_id, entries.kind"],
    ),
    in_payments(
        "two refunds for an order",
        "ENTRY ('ann', 5, [ta5], 'refund', 700, 5700, [R1])",
        &["entries_order_id_kind", "UNIQUE constraint failed: entries.order_id, entries.kind"],
    ),
    in_payments(
        "a fence with a debit",
        "UPDATE payments SET transaction_id = [tx1] WHERE order_id = [D1]",
        &["payments_entries_fit"],
    ),
    in_payments(
        "a fence with a refund",
        "UPDATE payments SET refund_id = [tx1] WHERE order_id = [D1]",
        &["payments_entries_fit"],
    ),
    in_payments(
        "a success with a refund",
        "UPDATE payments SET refund_id = [tx1] WHERE order_id = [F2]",
        &["payments_entries_fit"],
    ),
    in_payments(
        "a cancel for the reason of a refusal",
        "UPDATE payments SET reason = 'account_not_found' WHERE order_id = [D1]",
        &["payments_reason_fits"],
    ),
    in_orders(
        "FINISHED after a cancel was requested",
        "UPDATE orders SET cancel_requested_at = 2, cancel_cause = 'cancelled_by_user' WHERE id = [F1]",
        &["orders_cancel_cause_fits"],
    ),
    in_orders(
        "FINISHED and refunded",
        "UPDATE orders SET refund_transaction_id = [tx1] WHERE id = [F1]",
        &["orders_refund_fits"],
    ),
];

/// Right while the shop runs, wrong once it should have settled.
pub const LEFT_OVER: [Defect; 10] = [
    in_both(
        "an unanswered NEW order",
        "UPDATE orders SET status = 'NEW', reason = NULL, version = 1 WHERE id = [C1]",
        "DELETE FROM payments WHERE order_id = [C1]",
        &["none-new"],
    ),
    in_orders("a paid NEW order", "UPDATE orders SET status = 'NEW', version = 1 WHERE id = [F1]", &["none-new"]),
    in_orders("a request in the outbox", OUTBOX, &["orders-outbox"]),
    in_payments("an answer in the outbox", OUTBOX, &["payments-outbox"]),
    in_orders("an answer that is retried", RETRYING, &["orders-retrying"]),
    in_payments("a request that is retried", RETRYING, &["payments-retrying"]),
    in_orders("a parked answer", PARKED, &["orders-parked"]),
    in_payments("a parked request", PARKED, &["payments-parked"]),
    in_orders("a dead answer", DEAD, &["orders-dead"]),
    in_payments("a dead request", DEAD, &["payments-dead"]),
];
