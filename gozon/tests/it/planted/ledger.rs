//! Defects of the ledger by itself: chains, balances and entries. Absent: what the abbreviations in the statements mean.

use super::{Defect, in_payments};

pub const LEDGER: [Defect; 20] = [
    in_payments("a gap in seq", "UPDATE entries SET seq = 5 WHERE user_id = 'ann' AND seq = 4", &["chain-seq"]),
    in_payments(
        "a chain that begins at 2",
        "UPDATE entries SET seq = seq + 1 WHERE user_id = 'bob' AND seq = 2;
         UPDATE entries SET seq = 2 WHERE user_id = 'bob' AND seq = 1",
        &["chain-seq"],
    ),
    in_payments(
        "a wrong balance_after in the middle",
        "UPDATE entries SET balance_after = 5001 WHERE user_id = 'ann' AND seq = 2",
        &["chain-balance"],
    ),
    in_payments(
        "a wrong first balance_after",
        "UPDATE entries SET balance_after = 501 WHERE user_id = 'bob' AND seq = 1",
        &["chain-balance"],
    ),
    in_payments(
        "a wrong last balance_after",
        "UPDATE entries SET balance_after = 401 WHERE user_id = 'bob' AND seq = 2",
        &["chain-balance", "account-balance"],
    ),
    in_payments(
        "a wrong balance",
        "UPDATE accounts SET balance_minor = 5001 WHERE user_id = 'ann'",
        &["account-balance", "account-sum", "total"],
    ),
    in_payments(
        "a balance from nowhere",
        "UPDATE accounts SET balance_minor = 1 WHERE user_id = 'cat'",
        &["account-balance", "account-sum", "total"],
    ),
    in_payments(
        "money moved from one account to another without entries",
        "UPDATE accounts SET balance_minor = balance_minor - 1 WHERE user_id = 'ann';
         UPDATE accounts SET balance_minor = balance_minor + 1 WHERE user_id = 'bob'",
        &["account-balance", "account-sum"],
    ),
    in_payments(
        "an amount that fits neither chain nor sum",
        "UPDATE entries SET amount_minor = 501 WHERE user_id = 'bob' AND seq = 1",
        &["chain-balance", "account-sum", "total"],
    ),
    in_payments("a wrong count of entries", "UPDATE accounts SET seq = 5 WHERE user_id = 'ann'", &["account-seq"]),
    in_payments(
        "a negative balance",
        "UPDATE accounts SET balance_minor = -1 WHERE user_id = 'cat'",
        &["never-negative", "account-balance", "account-sum", "total"],
    ),
    in_payments(
        "a balance that was negative once",
        "UPDATE entries SET amount_minor = 50, balance_after = 50 WHERE user_id = 'bob' AND seq = 1;
         UPDATE entries SET balance_after = -50 WHERE user_id = 'bob' AND seq = 2;
         ENTRY ('bob', 3, [tb3], 'topup', 450, 400, NULL);
         UPDATE accounts SET seq = 3 WHERE user_id = 'bob'",
        &["never-negative"],
    ),
    in_payments(
        "an entry without an account",
        "ENTRY ('zed', 1, [tz1], 'topup', 1, 1, NULL)",
        &["entry-account", "total"],
    ),
    in_payments(
        "two entries with one transaction id",
        "UPDATE entries SET id = [ta1] WHERE user_id = 'bob' AND seq = 1",
        &["entry-id"],
    ),
    in_payments(
        "a key that moved money twice",
        "DROP INDEX entries_idempotency_key; UPDATE entries SET idempotency_key = 'key' WHERE user_id = 'ann' AND seq = 4",
        &["topup-key"],
    ),
    in_payments(
        "an entry of an unknown kind",
        "UPDATE entries SET kind = 'gift' WHERE user_id = 'bob' AND seq = 1",
        &["entry-shape", "total"],
    ),
    in_payments(
        "an entry that moves nothing",
        "ENTRY ('cat', 1, [tc1], 'topup', 0, 0, NULL); UPDATE accounts SET seq = 1 WHERE user_id = 'cat'",
        &["entry-shape"],
    ),
    in_payments(
        "a top-up that takes",
        "ENTRY ('bob', 3, [tb3], 'topup', -1, 399, NULL); ACCOUNT bob HAS 399 AFTER 3",
        &["entry-shape"],
    ),
    in_payments(
        "a top-up for an order",
        "ENTRY ('bob', 3, [tb3], 'topup', 1, 401, [X1]); ACCOUNT bob HAS 401 AFTER 3",
        &["entry-shape", "debit-payment", "money-order"],
    ),
    in_payments(
        "a debit for no order",
        "ENTRY ('bob', 3, [tb3], 'debit', -1, 399, NULL); ACCOUNT bob HAS 399 AFTER 3",
        &["entry-shape", "sums"],
    ),
];
