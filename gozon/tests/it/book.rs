//! A small healthy book: every kind of order, account and entry once. Absent: anything in flight (`in_flight` adds it).
//!
//! | order | whose | how it ended |
//! | --- | --- | --- |
//! | F1, F2 | ann, bob | FINISHED |
//! | C1 | bob | CANCELLED, insufficient_funds |
//! | C2 | dan, who has no account | CANCELLED, account_not_found |
//! | R1 | ann | paid, refunded, CANCELLED by her |
//! | D1 | bob | CANCELLED, payment_deadline, before it was paid |

use crate::shop::{Shop, TestResult};

const ORDERS: &str = "
INSERT INTO orders (id, user_id, amount_minor, currency, status, reason, version, created_at, updated_at, pay_before, idempotency_key)
VALUES
  ([F1], 'ann', 5000, 'RUB', 'FINISHED', NULL, 2, 1, 2, 9, 'key'),
  ([F2], 'bob', 100, 'RUB', 'FINISHED', NULL, 2, 1, 2, 9, 'other'),
  ([C1], 'bob', 600, 'RUB', 'CANCELLED', 'insufficient_funds', 2, 1, 2, 9, NULL),
  ([C2], 'dan', 100, 'RUB', 'CANCELLED', 'account_not_found', 2, 1, 2, 9, NULL),
  ([R1], 'ann', 700, 'RUB', 'CANCELLED', 'cancelled_by_user', 3, 1, 2, 9, NULL),
  ([D1], 'bob', 300, 'RUB', 'CANCELLED', 'payment_deadline', 3, 1, 2, 9, NULL);
UPDATE orders SET cancel_requested_at = 2, cancel_cause = reason WHERE id IN ([R1], [D1]);
UPDATE orders SET refund_transaction_id = [ta4] WHERE id = [R1]";

const LEDGER: &str = "
INSERT INTO accounts (user_id, balance_minor, seq, currency, created_at)
VALUES ('ann', 5000, 4, 'RUB', 1), ('bob', 400, 2, 'RUB', 1), ('cat', 0, 0, 'RUB', 1);
INSERT INTO entries (user_id, seq, id, kind, amount_minor, balance_after, order_id, idempotency_key, created_at)
VALUES
  ('ann', 1, [ta1], 'topup', 10000, 10000, NULL, 'key', 1),
  ('ann', 2, [ta2], 'debit', -5000, 5000, [F1], NULL, 1),
  ('ann', 3, [ta3], 'debit', -700, 4300, [R1], NULL, 1),
  ('ann', 4, [ta4], 'refund', 700, 5000, [R1], NULL, 1),
  ('bob', 1, [tb1], 'topup', 500, 500, NULL, 'key', 1),
  ('bob', 2, [tb2], 'debit', -100, 400, [F2], NULL, 1);
INSERT INTO payments (order_id, user_id, amount_minor, currency, verdict, reason, transaction_id, refund_id, decided_at)
VALUES
  ([F1], 'ann', 5000, 'RUB', 'succeeded', NULL, [ta2], NULL, 1),
  ([F2], 'bob', 100, 'RUB', 'succeeded', NULL, [tb2], NULL, 1),
  ([C1], 'bob', 600, 'RUB', 'declined', 'insufficient_funds', NULL, NULL, 1),
  ([C2], 'dan', 100, 'RUB', 'declined', 'account_not_found', NULL, NULL, 1),
  ([R1], 'ann', 700, 'RUB', 'cancelled', 'cancelled_by_user', [ta3], [ta4], 1),
  ([D1], 'bob', 300, 'RUB', 'cancelled', 'payment_deadline', NULL, NULL, 1)";

/// Writes the book.
pub async fn healthy(shop: &Shop) -> TestResult {
    for database in [&shop.orders, &shop.payments] {
        Shop::run(database, "UPDATE identity SET currency = 'RUB'").await?;
    }
    Shop::run(&shop.orders, ORDERS).await?;
    Shop::run(&shop.payments, LEDGER).await
}

/// Adds orders on their way: N1 just placed, N2 debited, N3 declined, all three still NEW; and the messages that go with them.
pub async fn in_flight(shop: &Shop) -> TestResult {
    for order in ["N1", "N2", "N3"] {
        place(shop, order, "ann", 30).await?;
    }
    pay(shop, "N2", "ann", 30).await?;
    decline(shop, "N3", "ann", 30).await?;
    for database in [&shop.orders, &shop.payments] {
        Shop::run(
            database,
            "INSERT INTO outbox (id, routing_key, partition_key, body, lease_until, created_at) VALUES ([m1], 'k', 'ann', '{}', 0, 1);
             INSERT INTO parked (id, queue, body, state, attempts, next_attempt_at, error, first_failed_at, updated_at)
             VALUES ([m2], 'q', 'x', 'retrying', 1, 5, 'why', 1, 1), ([m3], 'q', 'x', 'parked', 6, NULL, 'why', 1, 1),
                    ([m4], 'q', 'x', 'dead', 1, NULL, 'why', 1, 1)",
        )
        .await?;
    }
    Ok(())
}

/// An order is placed.
pub async fn place(shop: &Shop, order: &str, user: &str, amount: i64) -> TestResult {
    let sql = format!(
        "INSERT INTO orders (id, user_id, amount_minor, currency, status, version, created_at, updated_at, pay_before)
         VALUES ([{order}], '{user}', {amount}, 'RUB', 'NEW', 1, 1, 1, 9)"
    );
    Shop::run(&shop.orders, &sql).await
}

/// Payments takes the money for it.
pub async fn pay(shop: &Shop, order: &str, user: &str, amount: i64) -> TestResult {
    let sql = format!(
        "BEGIN;
         UPDATE accounts SET balance_minor = balance_minor - {amount}, seq = seq + 1 WHERE user_id = '{user}';
         INSERT INTO entries (user_id, seq, id, kind, amount_minor, balance_after, order_id, created_at)
           SELECT user_id, seq, [t{order}], 'debit', -{amount}, balance_minor, [{order}], 1 FROM accounts WHERE user_id = '{user}';
         INSERT INTO payments (order_id, user_id, amount_minor, currency, verdict, transaction_id, decided_at)
           VALUES ([{order}], '{user}', {amount}, 'RUB', 'succeeded', [t{order}], 1);
         COMMIT"
    );
    Shop::run(&shop.payments, &sql).await
}

/// Payments will not take it.
pub async fn decline(shop: &Shop, order: &str, user: &str, amount: i64) -> TestResult {
    let sql = format!(
        "INSERT INTO payments (order_id, user_id, amount_minor, currency, verdict, reason, decided_at)
         VALUES ([{order}], '{user}', {amount}, 'RUB', 'declined', 'insufficient_funds', 1)"
    );
    Shop::run(&shop.payments, &sql).await
}

/// Orders hears that it was taken.
pub async fn finish(shop: &Shop, order: &str) -> TestResult {
    let sql = format!("UPDATE orders SET status = 'FINISHED', version = 2 WHERE id = [{order}] AND status = 'NEW'");
    Shop::run(&shop.orders, &sql).await
}

/// Orders hears that it was not.
pub async fn cancel(shop: &Shop, order: &str) -> TestResult {
    let sql = format!(
        "UPDATE orders SET status = 'CANCELLED', reason = 'insufficient_funds', version = 2 WHERE id = [{order}] AND status = 'NEW'"
    );
    Shop::run(&shop.orders, &sql).await
}
