-- The past of {accounts} customers in the payments database: the debits of {of_each} orders of each, after the money that the
-- account has had put in.

SET statement_timeout = 0;

CREATE TEMPORARY TABLE past AS
SELECT (lpad(to_hex(1700000000000 + number), 12, '0') || '70008000' || lpad(to_hex(number), 12, '0'))::uuid AS order_id,
    'user-' || 1 + number % {accounts} AS user_id, 1 + number / {accounts} AS turn, 1700000000000000 + number * 1000 AS at
FROM generate_series(0, {accounts}::bigint * {of_each} - 1) AS number;

INSERT INTO entries (user_id, seq, id, kind, amount_minor, balance_after, order_id, created_at)
SELECT user_id, seq + turn, order_id, 'debit', -1, balance_minor - turn, order_id, at
FROM past JOIN accounts USING (user_id);

INSERT INTO payments (order_id, user_id, amount_minor, currency, verdict, transaction_id, decided_at)
SELECT order_id, user_id, 1, 'RUB', 'succeeded', order_id, at FROM past;

INSERT INTO inbox (message_id, handled_at) SELECT order_id, at FROM past;

UPDATE accounts SET balance_minor = balance_minor - {of_each}, seq = seq + {of_each};

DROP TABLE past;
