-- The same as ask-again.sql for the embedded shop: `sqlite3 orders.db < ask-again-embedded.sql`, while it is stopped.
-- A copy of orders may have an order whose answer was on its way; the later copy of payments has sent it already.
-- Absent: orders that are to be cancelled; payments is asked about them again by itself.
UPDATE orders SET pay_before = max(pay_before, (CAST(strftime('%s', 'now') AS integer) + 3600) * 1000000)
WHERE status = 'NEW' AND cancel_requested_at IS NULL;
INSERT INTO outbox (id, routing_key, partition_key, body, lease_until, created_at)
WITH waiting AS MATERIALIZED (
    SELECT randomblob(16) AS message, id, user_id, amount_minor, currency
    FROM orders WHERE status = 'NEW' AND cancel_requested_at IS NULL
), named AS MATERIALIZED (
    SELECT waiting.*, lower(hex(message)) AS m, lower(hex(waiting.id)) AS o, lower(hex(database_id)) AS d, lower(hex(partner_id)) AS p
    FROM waiting, identity
), asked AS MATERIALIZED (
    SELECT message, user_id, amount_minor, currency,
           substr(m, 1, 8) || '-' || substr(m, 9, 4) || '-' || substr(m, 13, 4) || '-' || substr(m, 17, 4) || '-' || substr(m, 21) AS message_id,
           substr(o, 1, 8) || '-' || substr(o, 9, 4) || '-' || substr(o, 13, 4) || '-' || substr(o, 17, 4) || '-' || substr(o, 21) AS order_id,
           substr(d, 1, 8) || '-' || substr(d, 9, 4) || '-' || substr(d, 13, 4) || '-' || substr(d, 17, 4) || '-' || substr(d, 21) AS origin,
           nullif(substr(p, 1, 8) || '-' || substr(p, 9, 4) || '-' || substr(p, 13, 4) || '-' || substr(p, 17, 4) || '-' || substr(p, 21), '----') AS peer
    FROM named
)
SELECT message, 'payment.requested', user_id,
       json_object(
           'specversion', '1.0', 'id', message_id, 'source', '/orders', 'type', 'gozon.payment.requested.v1', 'subject', order_id,
           'time', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'datacontenttype', 'application/json', 'partitionkey', user_id,
           'origin', origin, 'peer', peer,
           'data', json_object(
               'order_id', order_id, 'user_id', user_id, 'amount_minor', amount_minor, 'currency', currency)),
       0, CAST(strftime('%s', 'now') AS integer) * 1000000
FROM asked;
