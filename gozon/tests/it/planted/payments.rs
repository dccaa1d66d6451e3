//! Defects of payments and their entries. Absent: what the abbreviations in the statements mean.

use super::{Defect, in_orders, in_payments};

pub const PAYMENTS: [Defect; 37] = [
    in_payments(
        "a debit without its payment",
        "DELETE FROM payments WHERE order_id = [F2]",
        &["debit-payment", "final-answered"],
    ),
    in_orders(
        "a debit without an order",
        "DELETE FROM orders WHERE id = [F2]",
        &["payment-order", "money-order", "sums"],
    ),
    in_payments(
        "a debit that nobody asked for",
        "ENTRY ('bob', 3, [tb3], 'debit', -1, 399, [X1]); ACCOUNT bob HAS 399 AFTER 3",
        &["debit-payment", "money-order", "sums"],
    ),
    in_orders("a refusal without an order", "DELETE FROM orders WHERE id = [C2]", &["payment-order"]),
    in_payments(
        "a success without its debit",
        "DELETE FROM entries WHERE user_id = 'bob' AND seq = 2;
         ACCOUNT bob HAS 500 AFTER 1",
        &["paid-debit", "finished-debited", "sums"],
    ),
    in_payments(
        "a success that names another transaction",
        "UPDATE payments SET transaction_id = [ta2] WHERE order_id = [F2]",
        &["paid-debit"],
    ),
    in_payments(
        "a success of another amount",
        "UPDATE payments SET amount_minor = 101 WHERE order_id = [F2]",
        &["paid-debit", "same-facts"],
    ),
    in_payments(
        "a success of another user",
        "UPDATE payments SET user_id = 'ann' WHERE order_id = [F2]",
        &["paid-debit", "same-facts"],
    ),
    in_payments(
        "a refusal of another user",
        "UPDATE payments SET user_id = 'ann' WHERE order_id = [C1]",
        &["same-facts"],
    ),
    in_payments(
        "a success in another currency",
        "UPDATE payments SET currency = 'USD' WHERE order_id = [F2]",
        &["payment-currency", "same-facts"],
    ),
    in_payments(
        "an account in another currency",
        "UPDATE accounts SET currency = 'USD' WHERE user_id = 'bob'",
        &["account-currency", "payment-currency"],
    ),
    in_payments(
        "a refusal that took money",
        "ENTRY ('bob', 3, [tb3], 'debit', -10, 390, [C1]); ACCOUNT bob HAS 390 AFTER 3",
        &["declined-free", "cancelled-free", "sums"],
    ),
    in_payments(
        "a refusal with a reason missing",
        "UPDATE payments SET reason = NULL WHERE order_id = [C1]",
        &["payment-shape", "verdict-status"],
    ),
    in_payments(
        "a success with a reason",
        "UPDATE payments SET reason = 'insufficient_funds' WHERE order_id = [F2]",
        &["payment-shape"],
    ),
    in_payments(
        "two debits for an order",
        "DROP INDEX entries_order_id_kind;
         ENTRY ('bob', 3, [tb3], 'debit', -100, 300, [F2]); ACCOUNT bob HAS 300 AFTER 3",
        &["one-debit", "paid-debit", "finished-debited", "sums"],
    ),
    in_payments(
        "two refunds for an order",
        "DROP INDEX entries_order_id_kind;
         ENTRY ('ann', 5, [ta5], 'refund', 700, 5700, [R1]); ACCOUNT ann HAS 5700 AFTER 5",
        &["one-refund", "refund-recorded", "cancelled-free", "sums"],
    ),
    in_payments(
        "a refund without a debit",
        "ENTRY ('bob', 3, [tb3], 'refund', 600, 1000, [C1]); ACCOUNT bob HAS 1000 AFTER 3",
        &["refund-of-debit", "declined-free", "refund-recorded", "cancelled-free", "sums"],
    ),
    in_payments(
        "a refund without a debit that is recorded",
        "DELETE FROM entries WHERE user_id = 'ann' AND seq = 3;
         UPDATE entries SET seq = 3, balance_after = 5700 WHERE user_id = 'ann' AND seq = 4; ACCOUNT ann HAS 5700 AFTER 3",
        &["refund-of-debit", "refund-recorded", "cancelled-free", "sums"],
    ),
    in_payments(
        "a fence that took money",
        "ENTRY ('bob', 3, [tb3], 'debit', -300, 100, [D1]); ACCOUNT bob HAS 100 AFTER 3",
        &["declined-free", "cancelled-free", "sums"],
    ),
    in_payments(
        "a fence that gave money back",
        "ENTRY ('bob', 3, [tb3], 'refund', 300, 700, [D1]); ACCOUNT bob HAS 700 AFTER 3",
        &["refund-of-debit", "declined-free", "refund-recorded", "cancelled-free", "sums"],
    ),
    in_payments(
        "a fence that took money and gave it back",
        "ENTRY ('bob', 3, [tb3], 'debit', -300, 100, [D1]);
         ENTRY ('bob', 4, [tb4], 'refund', 300, 400, [D1]); UPDATE accounts SET seq = 4 WHERE user_id = 'bob'",
        &["declined-free", "refund-recorded"],
    ),
    in_payments(
        "a refund of a payment that counts as paid",
        "UPDATE payments SET verdict = 'succeeded', reason = NULL, refund_id = NULL WHERE order_id = [R1]",
        &["refund-recorded", "refund-told", "verdict-status"],
    ),
    in_payments(
        "a refund that is recorded and was not made",
        "UPDATE payments SET verdict = 'cancelled', reason = 'cancelled_by_user', refund_id = [tx1] WHERE order_id = [F2]",
        &["refund-recorded", "refund-told", "verdict-status"],
    ),
    in_payments(
        "a refund that is recorded as another",
        "UPDATE payments SET refund_id = [tx1] WHERE order_id = [R1]",
        &["refund-recorded", "refund-told"],
    ),
    in_payments(
        "a refund of another debit",
        "UPDATE payments SET transaction_id = [tx1] WHERE order_id = [R1]",
        &["refund-recorded"],
    ),
    in_payments(
        "a fence with a debit",
        "UPDATE payments SET transaction_id = [tx1] WHERE order_id = [D1]",
        &["payment-shape"],
    ),
    in_payments(
        "a success with a refund",
        "UPDATE payments SET refund_id = [tx1] WHERE order_id = [F2]",
        &["payment-shape", "refund-recorded", "refund-told"],
    ),
    in_payments(
        "a refusal for the reason of a cancel",
        "UPDATE payments SET reason = 'payment_deadline' WHERE order_id = [C1]",
        &["payment-shape", "verdict-status"],
    ),
    in_payments(
        "a cancel for the reason of a refusal",
        "UPDATE payments SET reason = 'account_not_found' WHERE order_id = [D1]",
        &["payment-shape", "verdict-status"],
    ),
    in_payments(
        "a refund before its debit",
        "UPDATE entries SET seq = 9 WHERE user_id = 'ann' AND seq = 3;
         UPDATE entries SET seq = 3, balance_after = 5700 WHERE user_id = 'ann' AND seq = 4;
         UPDATE entries SET seq = 4, balance_after = 5000 WHERE user_id = 'ann' AND seq = 9",
        &["refund-of-debit"],
    ),
    in_payments(
        "an unknown verdict",
        "UPDATE payments SET verdict = 'maybe' WHERE order_id = [C1]",
        &["payment-shape"],
    ),
    in_payments(
        "a refusal with a transaction",
        "UPDATE payments SET transaction_id = [tx1] WHERE order_id = [C1]",
        &["payment-shape"],
    ),
    in_payments(
        "a success without a transaction",
        "UPDATE payments SET transaction_id = NULL WHERE order_id = [F2]",
        &["payment-shape", "paid-debit"],
    ),
    in_payments(
        "a payment of nothing",
        "UPDATE payments SET amount_minor = 0 WHERE order_id = [C1]",
        &["payment-shape", "same-facts"],
    ),
    in_payments(
        "two debits of half the price",
        "DROP INDEX entries_order_id_kind;
         UPDATE entries SET amount_minor = -50, balance_after = 450 WHERE user_id = 'bob' AND seq = 2;
         ENTRY ('bob', 3, [tb3], 'debit', -50, 400, [F2]); UPDATE accounts SET seq = 3 WHERE user_id = 'bob'",
        &["one-debit", "paid-debit", "finished-debited"],
    ),
    in_payments(
        "two debits and two refunds",
        "DROP INDEX entries_order_id_kind;
         ENTRY ('ann', 5, [ta5], 'debit', -700, 4300, [R1]);
         ENTRY ('ann', 6, [ta6], 'refund', 700, 5000, [R1]); UPDATE accounts SET seq = 6 WHERE user_id = 'ann'",
        &["one-debit", "one-refund", "refund-recorded", "cancelled-free"],
    ),
    in_payments(
        "a refund to another account",
        "DELETE FROM entries WHERE user_id = 'ann' AND seq = 4;
         ACCOUNT ann HAS 4300 AFTER 3;
         ENTRY ('bob', 3, [tb3], 'refund', 700, 1100, [R1]); ACCOUNT bob HAS 1100 AFTER 3",
        &["refund-of-debit", "refund-recorded"],
    ),
];
