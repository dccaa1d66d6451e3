//! Defects of orders, by themselves and beside their payments. Absent: what the abbreviations in the statements mean.

use super::{Defect, in_orders, in_payments};

pub const ORDERS: [Defect; 32] = [
    in_payments(
        "FINISHED without an answer and without a debit",
        "DELETE FROM payments WHERE order_id = [F2];
         DELETE FROM entries WHERE user_id = 'bob' AND seq = 2;
         ACCOUNT bob HAS 500 AFTER 1",
        &["final-answered", "finished-debited", "sums"],
    ),
    in_payments("CANCELLED without an answer", "DELETE FROM payments WHERE order_id = [C1]", &["final-answered"]),
    in_orders(
        "FINISHED though payments refused",
        "UPDATE orders SET status = 'FINISHED', reason = NULL WHERE id = [C1]",
        &["verdict-status", "finished-debited", "sums"],
    ),
    in_payments(
        "FINISHED and refunded",
        "ENTRY ('bob', 3, [tb3], 'refund', 100, 500, [F2]); ACCOUNT bob HAS 500 AFTER 3",
        &["refund-recorded", "finished-debited", "sums"],
    ),
    in_orders(
        "CANCELLED for want of money though it was paid",
        "UPDATE orders SET status = 'CANCELLED', reason = 'insufficient_funds' WHERE id = [F2]",
        &["verdict-status", "cancelled-free", "sums"],
    ),
    in_payments(
        "CANCELLED by the user and not refunded",
        "DELETE FROM entries WHERE user_id = 'ann' AND seq = 4;
         ACCOUNT ann HAS 4300 AFTER 3",
        &["refund-recorded", "cancelled-free", "sums"],
    ),
    in_payments(
        "CANCELLED by the user and refunded in part",
        "UPDATE entries SET amount_minor = 699, balance_after = 4999 WHERE user_id = 'ann' AND seq = 4;
         UPDATE accounts SET balance_minor = 4999 WHERE user_id = 'ann'",
        &["refund-of-debit", "cancelled-free", "sums"],
    ),
    in_orders(
        "CANCELLED, refunded, for a reason that takes no money",
        "UPDATE orders SET reason = 'account_not_found' WHERE id = [R1]",
        &["verdict-status"],
    ),
    in_orders(
        "CANCELLED for another reason than payments gave",
        "UPDATE orders SET reason = 'account_not_found' WHERE id = [C1]",
        &["verdict-status"],
    ),
    in_orders(
        "CANCELLED by the user though payments refused",
        "UPDATE orders SET reason = 'cancelled_by_user' WHERE id = [C1]",
        &["verdict-status"],
    ),
    in_orders(
        "an order of another user",
        "UPDATE orders SET user_id = 'ann' WHERE id = [F2]",
        &["same-facts", "finished-debited"],
    ),
    in_payments(
        "an order debited on another account",
        "UPDATE entries SET user_id = 'cat', seq = 1 WHERE user_id = 'bob' AND seq = 2;
         UPDATE entries SET balance_after = -100 WHERE user_id = 'cat';
         ACCOUNT bob HAS 500 AFTER 1;
         ACCOUNT cat HAS -100 AFTER 1",
        &["never-negative", "paid-debit", "finished-debited"],
    ),
    in_orders(
        "an order of another amount",
        "UPDATE orders SET amount_minor = 101 WHERE id = [F2]",
        &["same-facts", "finished-debited", "sums"],
    ),
    in_orders(
        "an order in another currency",
        "UPDATE orders SET currency = 'USD' WHERE id = [F2]",
        &["order-currency", "same-facts"],
    ),
    in_orders(
        "a database in another currency",
        "UPDATE identity SET currency = 'USD'",
        &["currency", "order-currency"],
    ),
    in_orders(
        "a reason on an order that was not cancelled",
        "UPDATE orders SET reason = 'insufficient_funds' WHERE id = [F1]",
        &["order-shape"],
    ),
    in_orders("an unknown status", "UPDATE orders SET status = 'PAID' WHERE id = [F1]", &["order-shape"]),
    in_orders(
        "an unknown reason",
        "UPDATE orders SET reason = 'whim' WHERE id = [C1]",
        &["order-shape", "verdict-status"],
    ),
    in_orders(
        "a price of nothing",
        "UPDATE orders SET amount_minor = 0 WHERE id = [C1]",
        &["order-shape", "same-facts"],
    ),
    in_orders(
        "a refund that no order names",
        "UPDATE orders SET refund_transaction_id = NULL WHERE id = [R1]",
        &["refund-told"],
    ),
    in_orders(
        "an order that names another refund",
        "UPDATE orders SET refund_transaction_id = [tx1] WHERE id = [R1]",
        &["refund-told"],
    ),
    in_orders(
        "an order that names a refund that was not made",
        "UPDATE orders SET refund_transaction_id = [tx1] WHERE id = [D1]",
        &["refund-told"],
    ),
    in_orders(
        "FINISHED though it was refunded",
        "UPDATE orders SET status = 'FINISHED', reason = NULL WHERE id = [R1]",
        &["cancel-shape", "verdict-status", "finished-debited", "sums"],
    ),
    in_orders(
        "FINISHED though payments had fenced it",
        "UPDATE orders SET status = 'FINISHED', reason = NULL, cancel_requested_at = NULL, cancel_cause = NULL WHERE id = [D1]",
        &["verdict-status", "finished-debited", "sums"],
    ),
    in_orders(
        "FINISHED after a cancel was requested",
        "UPDATE orders SET cancel_requested_at = 2, cancel_cause = 'cancelled_by_user' WHERE id = [F1]",
        &["cancel-shape"],
    ),
    in_orders(
        "CANCELLED by the user while payments keeps the money",
        "UPDATE orders SET status = 'CANCELLED', reason = 'cancelled_by_user' WHERE id = [F2]",
        &["verdict-status", "cancelled-free", "sums"],
    ),
    in_orders(
        "CANCELLED for another cause than payments gave",
        "UPDATE orders SET reason = 'payment_deadline' WHERE id = [R1]",
        &["verdict-status"],
    ),
    in_orders("a cancel by nobody", "UPDATE orders SET cancel_cause = NULL WHERE id = [R1]", &["cancel-shape"]),
    in_orders(
        "a cancel for an unknown cause",
        "UPDATE orders SET cancel_cause = 'whim' WHERE id = [R1]",
        &["cancel-shape"],
    ),
    in_orders("a final order that never changed", "UPDATE orders SET version = 1 WHERE id = [F1]", &["order-version"]),
    in_orders(
        "a NEW order before its first version",
        "UPDATE orders SET status = 'NEW', reason = NULL, version = 0 WHERE id = [C1]",
        &["order-version"],
    ),
    in_orders(
        "a key that made two orders",
        "DROP INDEX orders_idempotency_key; UPDATE orders SET idempotency_key = 'key' WHERE id = [R1]",
        &["order-key"],
    ),
];
