-- Asks payments once more about every order that is NEW; on the orders database, PostgreSQL.
-- Does no harm to an order that was asked for already: payments answers with the verdict that it has. And each gets an hour more to be
-- paid: after a restore its time is over, and it would be cancelled before payments can answer. Absent: orders that are to be cancelled;
-- payments is asked about them again by itself.
UPDATE orders SET pay_before = greatest(pay_before, ((extract(epoch FROM now()) + 3600) * 1000000)::bigint)
WHERE status = 'NEW' AND cancel_requested_at IS NULL;
INSERT INTO outbox (id, routing_key, partition_key, body, lease_until, created_at)
SELECT message_id, 'payment.requested', user_id,
       json_strip_nulls(json_build_object(
           'specversion', '1.0', 'id', message_id, 'source', '/orders', 'type', 'gozon.payment.requested.v1', 'subject', order_id,
           'time', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'datacontenttype', 'application/json',
           'partitionkey', user_id, 'origin', database_id, 'peer', partner_id,
           'data', json_build_object(
               'order_id', order_id, 'user_id', user_id, 'amount_minor', amount_minor, 'currency', waiting.currency)))::text,
       0, (extract(epoch FROM now()) * 1000000)::bigint
FROM (SELECT gen_random_uuid() AS message_id, id AS order_id, user_id, amount_minor, currency
      FROM orders WHERE status = 'NEW' AND cancel_requested_at IS NULL) AS waiting, identity;
