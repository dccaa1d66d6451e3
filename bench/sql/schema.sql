-- What the baseline's scripts need besides the tables of both services, which the real migrations have made,
-- each service's in a schema of its own name.

-- Ids in the order of time, as the services make them: random ones would touch every page of an index.
CREATE FUNCTION uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(
        overlay(uuid_send(gen_random_uuid())
            PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        'hex')::uuid
$$;

-- Rich enough for any number of orders.
INSERT INTO payments.accounts (user_id, balance_minor, seq, currency, created_at)
SELECT 'user-' || number, 50000000000000, 0, 'RUB', 0 FROM generate_series(1, 1000) AS number;
