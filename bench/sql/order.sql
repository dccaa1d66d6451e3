-- The whole way of one order as plain SQL, row by row, with a commit after each of its five steps.
-- Run by pgbench with `--define accounts=N`: 1000 for "spread", 1 for "hot".
--
-- It does less than the shop: no HTTP, no broker, no JSON, no keys, no inbox of answers, no verdict for ever. Message bodies are as
-- long as real ones; times and bodies are constants, because making them would cost the baseline time.

\set account random(1, :accounts)
\set body_length 440

-- 1. The order is placed, and its request to payments with it.
BEGIN;
INSERT INTO orders.orders
    (id, user_id, amount_minor, currency, status, version, created_at, updated_at, pay_before)
    VALUES (uuid_v7(), 'user-' || :account::text, 100, 'RUB', 'NEW', 1, 1795261560000000, 1795261560000000, 1795262460000000)
    RETURNING id AS order_id \gset
INSERT INTO orders.outbox (id, routing_key, partition_key, body, lease_until, created_at)
    VALUES (:order_id, 'payment.requested', 'user-' || :account::text, repeat('.', :body_length), 0, 1795261560000000);
COMMIT;

-- 2. The request was sent.
DELETE FROM orders.outbox WHERE id = :order_id;

-- 3. The account is debited, and the answer written.
BEGIN;
INSERT INTO payments.inbox (message_id, handled_at) VALUES (:order_id, 1795261560000000);
UPDATE payments.accounts SET balance_minor = balance_minor - 100, seq = seq + 1
    WHERE user_id = 'user-' || :account::text
    RETURNING balance_minor AS balance, seq AS entry \gset
INSERT INTO payments.entries (user_id, seq, id, kind, amount_minor, balance_after, order_id, created_at)
    VALUES ('user-' || :account::text, :entry, uuid_v7(), 'debit', -100, :balance, :order_id, 1795261560000000);
INSERT INTO payments.outbox (id, routing_key, partition_key, body, lease_until, created_at)
    VALUES (:order_id, 'payment.succeeded', 'user-' || :account::text, repeat('.', :body_length), 0, 1795261560000000);
COMMIT;

-- 4. The answer was sent.
DELETE FROM payments.outbox WHERE id = :order_id;

-- 5. The order is final.
UPDATE orders.orders SET status = 'FINISHED', version = 2, updated_at = 1795261560000000 WHERE id = :order_id;
