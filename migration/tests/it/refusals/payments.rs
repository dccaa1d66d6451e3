//! What `accounts`, `entries` and `payments` must accept and refuse.

use sea_orm::Value;
use uuid::Uuid;

use super::{Case, Row, Table, Verdict::*, accepted, refused};

const MAX_MINOR: i64 = 100_000_000_000_000;

pub fn accounts() -> Table {
    let balance = |minor: i64| [("balance_minor", minor.into())];
    let cases = vec![
        accepted(balance(0)),
        accepted(balance(MAX_MINOR)),
        refused(balance(-1), Check("accounts_balance_in_range")),
        accepted(balance(MAX_MINOR + 1)),
        accepted([("seq", 0_i64.into())]),
        refused([("seq", (-1_i64).into())], Check("accounts_seq_from_zero")),
        refused([("user_id", "user-1".into())], Unique { index: "accounts_pkey", columns: &["user_id"] }),
    ];
    Table { name: "accounts", valid: account, nullable: &[], cases }
}

fn account(n: u8) -> Row {
    vec![
        ("user_id", format!("user-{n}").into()),
        ("balance_minor", 5_000_i64.into()),
        ("seq", 1_i64.into()),
        ("currency", "RUB".into()),
        ("created_at", 1_i64.into()),
    ]
}

pub fn entries() -> Table {
    let mut cases = kinds();
    cases.extend(chains());
    cases.extend(once());
    Table { name: "entries", valid: debit, nullable: &["order_id", "idempotency_key"], cases }
}

fn debit(n: u8) -> Row {
    vec![
        ("user_id", "ann".into()),
        ("seq", i64::from(n).into()),
        ("id", Uuid::from_u128(n.into()).into()),
        ("kind", "debit".into()),
        ("amount_minor", (-100_i64).into()),
        ("balance_after", 5_000_i64.into()),
        ("order_id", Uuid::from_u128(n.into()).into()),
        ("idempotency_key", format!("key-{n}").into()),
        ("created_at", 1_i64.into()),
    ]
}

fn kinds() -> Vec<Case> {
    let entry = |kind: &str, minor: i64, order: Option<u128>| -> [(&'static str, Value); 3] {
        let order = order.map(Uuid::from_u128);
        [("kind", kind.into()), ("amount_minor", minor.into()), ("order_id", order.into())]
    };
    vec![
        accepted(entry("topup", 1, None)),
        accepted(entry("refund", 1, Some(2))),
        refused(entry("gift", 1, Some(2)), Check("entries_kind_known")),
        refused(entry("debit", 0, Some(2)), Check("entries_sign_fits_kind")),
        refused(entry("debit", 1, Some(2)), Check("entries_sign_fits_kind")),
        refused(entry("refund", 0, Some(2)), Check("entries_sign_fits_kind")),
        refused(entry("refund", -1, Some(2)), Check("entries_sign_fits_kind")),
        refused(entry("topup", 0, None), Check("entries_sign_fits_kind")),
        refused(entry("topup", -1, None), Check("entries_sign_fits_kind")),
        refused(entry("topup", 1, Some(2)), Check("entries_order_unless_topup")),
        refused(entry("debit", -1, None), Check("entries_order_unless_topup")),
        refused(entry("refund", 1, None), Check("entries_order_unless_topup")),
    ]
}

fn chains() -> Vec<Case> {
    vec![
        accepted([("balance_after", 0_i64.into())]),
        refused([("balance_after", (-1_i64).into())], Check("entries_balance_not_negative")),
        refused([("seq", 0_i64.into())], Check("entries_seq_from_one")),
        refused([("seq", 1_i64.into())], Unique { index: "entries_pkey", columns: &["user_id", "seq"] }),
        accepted([("seq", 1_i64.into()), ("user_id", "bob".into())]),
    ]
}

fn once() -> Vec<Case> {
    let first_order = || ("order_id", Uuid::from_u128(1).into());
    let paid_twice = Unique { index: "entries_order_id_kind", columns: &["order_id", "kind"] };
    let key_again = Unique { index: "entries_idempotency_key", columns: &["user_id", "idempotency_key"] };
    vec![
        refused([first_order()], paid_twice),
        refused([first_order(), ("user_id", "bob".into())], paid_twice),
        accepted([first_order(), ("kind", "refund".into()), ("amount_minor", 100_i64.into())]),
        refused([("idempotency_key", "key-1".into())], key_again),
        accepted([("idempotency_key", "key-1".into()), ("user_id", "bob".into())]),
        accepted([("idempotency_key", None::<String>.into())]),
    ]
}

pub fn payments() -> Table {
    let answer = |verdict: &str, reason: Option<&str>, entries: [Option<u128>; 2]| -> [(&'static str, Value); 4] {
        let reason = reason.map(str::to_owned);
        let [debit, refund] = entries.map(|id| id.map(Uuid::from_u128).into());
        [("verdict", verdict.into()), ("reason", reason.into()), ("transaction_id", debit), ("refund_id", refund)]
    };
    const NONE: [Option<u128>; 2] = [None, None];
    const DEBIT: [Option<u128>; 2] = [Some(9), None];
    const REFUND: [Option<u128>; 2] = [None, Some(8)];
    const BOTH: [Option<u128>; 2] = [Some(9), Some(8)];
    let (reason, entries) = (Check("payments_reason_fits"), Check("payments_entries_fit"));
    let mut cases = Vec::new();
    for (verdict, why, not_why) in [
        ("declined", ["insufficient_funds", "account_not_found"], "payment_deadline"),
        ("cancelled", ["cancelled_by_user", "payment_deadline"], "account_not_found"),
    ] {
        cases.extend(why.map(|why| accepted(answer(verdict, Some(why), NONE))));
        cases.extend([None, Some(not_why), Some("a whim")].map(|why| refused(answer(verdict, why, NONE), reason)));
    }
    cases.extend([
        accepted(answer("succeeded", None, DEBIT)),
        accepted(answer("cancelled", Some("payment_deadline"), BOTH)),
        refused(answer("perhaps", None, NONE), reason),
        refused(answer("succeeded", Some("account_not_found"), DEBIT), reason),
    ]);
    for (verdict, why, wrong) in
        [("succeeded", None, [NONE, REFUND, BOTH]), ("declined", Some("account_not_found"), [DEBIT, REFUND, BOTH])]
    {
        cases.extend(wrong.map(|wrong| refused(answer(verdict, why, wrong), entries)));
    }
    cases.extend([DEBIT, REFUND].map(|wrong| refused(answer("cancelled", Some("payment_deadline"), wrong), entries)));
    cases.push(refused(
        [("order_id", Uuid::from_u128(1).into())],
        Unique { index: "payments_pkey", columns: &["order_id"] },
    ));
    Table { name: "payments", valid: payment, nullable: &["reason", "transaction_id", "refund_id"], cases }
}

pub(super) fn payment(n: u8) -> Row {
    vec![
        ("order_id", Uuid::from_u128(n.into()).into()),
        ("user_id", "ann".into()),
        ("amount_minor", 100_i64.into()),
        ("currency", "RUB".into()),
        ("verdict", "succeeded".into()),
        ("reason", None::<String>.into()),
        ("transaction_id", Uuid::from_u128(n.into()).into()),
        ("refund_id", None::<Uuid>.into()),
        ("decided_at", 1_i64.into()),
    ]
}
