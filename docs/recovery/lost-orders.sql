-- Puts back orders that payments has decided and orders does not know, after a restore; on the orders database, PostgreSQL, by psql.
-- Absent: description and Idempotency-Key; payments never knew them. An order that is there stays as it is.
--
-- Wants payments.csv, written on the payments database by
--   \copy (SELECT order_id, user_id, amount_minor, currency, verdict, reason, refund_id, decided_at FROM payments) TO payments.csv CSV
CREATE TEMPORARY TABLE decided (
    order_id uuid, user_id text, amount_minor bigint, currency text, verdict text, reason text, refund_id uuid, decided_at bigint
);
\copy decided FROM payments.csv CSV
INSERT INTO orders (id, user_id, amount_minor, currency, status, reason, refund_transaction_id, version, created_at, updated_at, pay_before)
SELECT order_id, user_id, amount_minor, currency, CASE verdict WHEN 'succeeded' THEN 'FINISHED' ELSE 'CANCELLED' END, reason, refund_id, 2,
       decided_at, decided_at, decided_at
FROM decided
ON CONFLICT (id) DO NOTHING;
