//! The laws of the payments database alone: chains, balances, and payments with their entries.
//! Absent: sums over all accounts (money), and whether anybody ordered what was paid (compare).
//!
//! A sum of two columns may leave 64 bits when the books are wrong. PostgreSQL is told to count in `numeric`; SQLite goes over to a
//! float that then equals no whole number of 64 bits, so the row is still found.

use super::{
    Finding, Snapshot,
    check::{Check, Id, check, prove_all},
};
use crate::databases::DatabaseError;
use store::Sql;

static ACCOUNTS: Sql = Sql::new("SELECT count(*) AS rows FROM accounts");
static ENTRIES: Sql = Sql::new("SELECT count(*) AS rows FROM entries");
static ORDER_ENTRIES: Sql = Sql::new("SELECT count(*) AS rows FROM entries WHERE order_id IS NOT NULL");
static REFUNDS: Sql = Sql::new("SELECT count(*) AS rows FROM entries WHERE kind = 'refund'");
static DEBITS: Sql = Sql::new("SELECT count(*) AS rows FROM entries WHERE kind = 'debit'");
static KEYS: Sql = Sql::new("SELECT count(*) AS rows FROM entries WHERE idempotency_key IS NOT NULL");
static PAYMENTS: Sql = Sql::new("SELECT count(*) AS rows FROM payments");
static SUCCEEDED: Sql = Sql::new("SELECT count(*) AS rows FROM payments WHERE verdict = 'succeeded'");
static DECLINED: Sql = Sql::new("SELECT count(*) AS rows FROM payments WHERE verdict <> 'succeeded'");

static CHAINS: [Check; 11] = [
    check!("entry-shape"; "an entry's kind is known, and its sign and order fit it", of ENTRIES, Text
        "SELECT user_id || '#' || seq AS id FROM entries
         WHERE kind NOT IN ('topup', 'debit', 'refund') OR (kind = 'debit') <> (amount_minor < 0) OR amount_minor = 0
            OR (kind = 'topup') <> (order_id IS NULL)"),
    check!("chain-seq"; "each account's entries are numbered 1, 2, 3 … without a gap", of ENTRIES, Text
        "SELECT user_id || '#' || seq AS id FROM
           (SELECT user_id, seq, row_number() OVER (PARTITION BY user_id ORDER BY seq) AS place FROM entries) AS chain
         WHERE seq <> place"),
    check!("chain-balance"; "balance_after is that of the entry before plus the amount", of ENTRIES, Text
        "SELECT user_id || '#' || seq AS id FROM
           (SELECT user_id, seq, amount_minor, balance_after,
                   coalesce(lag(balance_after) OVER (PARTITION BY user_id ORDER BY seq), 0) AS before FROM entries) AS chain
         WHERE CAST(before AS numeric) + amount_minor <> balance_after"),
    check!("account-balance"; "an account's balance is balance_after of its last entry", of ACCOUNTS, Text
        "SELECT a.user_id AS id FROM accounts a
         LEFT JOIN (SELECT user_id, max(seq) AS seq FROM entries GROUP BY user_id) last ON last.user_id = a.user_id
         LEFT JOIN entries e ON e.user_id = last.user_id AND e.seq = last.seq
         WHERE a.balance_minor <> coalesce(e.balance_after, 0)"),
    check!("account-sum"; "an account's balance is the sum of its entries", of ACCOUNTS, Text
        // In two halves, because SQLite's sum refuses to leave 64 bits.
        "SELECT a.user_id AS id FROM accounts a
         LEFT JOIN (SELECT user_id, sum(amount_minor / 4294967296) AS high, sum(amount_minor % 4294967296) AS low
                    FROM entries GROUP BY user_id) s ON s.user_id = a.user_id
         WHERE a.balance_minor <> coalesce(CAST(s.high AS numeric) * 4294967296 + s.low, 0)"),
    check!("account-seq"; "an account counts its entries", of ACCOUNTS, Text
        "SELECT a.user_id AS id FROM accounts a
         LEFT JOIN (SELECT user_id, count(*) AS entries FROM entries GROUP BY user_id) c ON c.user_id = a.user_id
         WHERE a.seq <> coalesce(c.entries, 0)"),
    check!("never-negative"; "no balance is or was below zero", of ENTRIES, Text
        "SELECT user_id AS id FROM accounts WHERE balance_minor < 0
         UNION ALL SELECT user_id || '#' || seq FROM entries WHERE balance_after < 0"),
    check!("account-currency"; "accounts are in the currency of their database", of ACCOUNTS, Text
        "SELECT user_id AS id FROM accounts WHERE currency <> (SELECT currency FROM identity)"),
    check!("entry-account"; "each entry has its account", of ENTRIES, Text
        "SELECT user_id || '#' || seq AS id FROM entries e
         WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.user_id = e.user_id)"),
    check!("entry-id"; "a transaction id names one entry", of ENTRIES, Uuid
        "SELECT id FROM entries GROUP BY id HAVING count(*) > 1"),
    check!("topup-key"; "an Idempotency-Key has moved money once", of KEYS, Text
        "SELECT user_id || ' ' || idempotency_key AS id FROM entries WHERE idempotency_key IS NOT NULL
         GROUP BY user_id, idempotency_key HAVING count(*) > 1"),
];

static VERDICTS: [Check; 9] = [
    check!("one-debit"; "an order is debited at most once", of DEBITS, Uuid
        "SELECT order_id AS id FROM entries WHERE kind = 'debit' AND order_id IS NOT NULL GROUP BY order_id HAVING count(*) > 1"),
    check!("one-refund"; "an order is refunded at most once", of REFUNDS, Uuid
        "SELECT order_id AS id FROM entries WHERE kind = 'refund' AND order_id IS NOT NULL GROUP BY order_id HAVING count(*) > 1"),
    check!("refund-of-debit"; "a refund gives back an earlier debit of the order, all of it, to the same account", of REFUNDS, Text
        "SELECT user_id || '#' || seq AS id FROM entries r WHERE kind = 'refund' AND NOT EXISTS
           (SELECT 1 FROM entries d WHERE d.order_id = r.order_id AND d.kind = 'debit'
              AND d.user_id = r.user_id AND d.seq < r.seq AND d.amount_minor = -r.amount_minor)"),
    check!("payment-shape"; "a payment's verdict is known, and its reason, debit and refund fit it", of PAYMENTS, Uuid
        "SELECT order_id AS id FROM payments
         WHERE verdict NOT IN ('succeeded', 'declined', 'cancelled') OR amount_minor <= 0
            OR (verdict = 'succeeded') <> (reason IS NULL) OR (verdict = 'succeeded' AND transaction_id IS NULL)
            OR (verdict = 'declined' AND reason NOT IN ('insufficient_funds', 'account_not_found'))
            OR (verdict = 'cancelled' AND reason NOT IN ('cancelled_by_user', 'payment_deadline'))
            OR (verdict = 'declined' AND transaction_id IS NOT NULL)
            OR (verdict <> 'cancelled' AND refund_id IS NOT NULL)
            OR (verdict = 'cancelled' AND (transaction_id IS NULL) <> (refund_id IS NULL))"),
    check!("paid-debit"; "a succeeded payment has exactly its debit: transaction, user, order and amount", of SUCCEEDED, Uuid
        "SELECT DISTINCT p.order_id AS id FROM payments p
         LEFT JOIN entries e ON e.order_id = p.order_id AND e.kind = 'debit'
         WHERE p.verdict = 'succeeded' AND
           (e.id IS NULL OR p.transaction_id IS NULL OR e.id <> p.transaction_id OR e.user_id <> p.user_id
            OR e.amount_minor <> -p.amount_minor)"),
    check!("declined-free"; "a payment that did not succeed has moved no money, unless it was given back", of DECLINED, Uuid
        "SELECT DISTINCT p.order_id AS id FROM payments p JOIN entries e ON e.order_id = p.order_id
         WHERE p.verdict <> 'succeeded' AND p.refund_id IS NULL"),
    check!("refund-recorded"; "a payment is refunded exactly when it says so: by its debit and its refund", of REFUNDS, Uuid
        "SELECT r.order_id AS id FROM entries r LEFT JOIN payments p ON p.order_id = r.order_id
         WHERE r.kind = 'refund' AND (p.refund_id IS NULL OR p.refund_id <> r.id)
         UNION SELECT p.order_id FROM payments p
         LEFT JOIN entries r ON r.order_id = p.order_id AND r.kind = 'refund'
         LEFT JOIN entries d ON d.order_id = p.order_id AND d.kind = 'debit'
         WHERE p.refund_id IS NOT NULL AND (r.id IS NULL OR r.id <> p.refund_id OR d.id IS NULL OR d.id <> p.transaction_id)"),
    check!("debit-payment"; "a debit or refund has its payment", of ORDER_ENTRIES, Text
        "SELECT user_id || '#' || seq AS id FROM entries e WHERE order_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.order_id = e.order_id)"),
    check!("payment-currency"; "a payment is in the currency of its database, and of its account if it succeeded", of PAYMENTS, Uuid
        "SELECT p.order_id AS id FROM payments p
         LEFT JOIN accounts a ON a.user_id = p.user_id AND p.verdict = 'succeeded'
         WHERE p.currency <> a.currency OR p.currency <> (SELECT currency FROM identity)"),
];

pub(super) async fn prove(payments: &Snapshot) -> Result<Vec<Finding>, DatabaseError> {
    let mut findings = prove_all(&CHAINS, payments).await?;
    findings.extend(prove_all(&VERDICTS, payments).await?);
    Ok(findings)
}
