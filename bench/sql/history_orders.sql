-- The past of {accounts} customers in the orders database: {of_each} finished orders of each.

SET statement_timeout = 0;

-- Ids as the shop would have made them, in the order of time and older than any that it makes from now on.
INSERT INTO orders (id, user_id, amount_minor, currency, status, version, created_at, updated_at, pay_before)
SELECT (lpad(to_hex(1700000000000 + number), 12, '0') || '70008000' || lpad(to_hex(number), 12, '0'))::uuid,
    'user-' || 1 + number % {accounts}, 1, 'RUB', 'FINISHED', 2,
    1700000000000000 + number * 1000, 1700000000000000 + number * 1000, 1700000900000000 + number * 1000
FROM generate_series(0, {accounts}::bigint * {of_each} - 1) AS number;
