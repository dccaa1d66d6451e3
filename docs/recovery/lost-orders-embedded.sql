-- The same as lost-orders.sql for the embedded shop: `sqlite3 orders.db < lost-orders-embedded.sql`, in the directory of both files.
-- Absent: description and Idempotency-Key; payments never knew them. An order that is there stays as it is.
ATTACH 'payments.db' AS payments;
INSERT OR IGNORE INTO orders (id, user_id, amount_minor, currency, status, reason, refund_transaction_id, version, created_at, updated_at, pay_before)
SELECT order_id, user_id, amount_minor, currency, iif(verdict = 'succeeded', 'FINISHED', 'CANCELLED'), reason, refund_id, 2,
       decided_at, decided_at, decided_at
FROM payments.payments;
