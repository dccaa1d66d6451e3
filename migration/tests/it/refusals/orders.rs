//! What `orders` must accept and refuse.

use uuid::Uuid;

use super::{Row, Table, Verdict::*, accepted, refused};

const MAX_MINOR: i64 = 100_000_000_000_000;

pub fn orders() -> Table {
    let mut cases = amounts();
    cases.extend(statuses());
    cases.extend(keys());
    cases.extend(cancels());
    let nullable =
        &["description", "reason", "cancel_requested_at", "cancel_cause", "refund_transaction_id", "idempotency_key"];
    Table { name: "orders", valid, nullable, cases }
}

pub(super) fn valid(n: u8) -> Row {
    vec![
        ("id", Uuid::from_u128(n.into()).into()),
        ("user_id", "ann".into()),
        ("amount_minor", 5_000_i64.into()),
        ("currency", "RUB".into()),
        ("description", "a book".into()),
        ("status", "NEW".into()),
        ("reason", None::<String>.into()),
        ("version", 1.into()),
        ("created_at", 1_i64.into()),
        ("updated_at", 1_i64.into()),
        ("pay_before", 2_i64.into()),
        ("cancel_requested_at", None::<i64>.into()),
        ("cancel_cause", None::<String>.into()),
        ("refund_transaction_id", None::<Uuid>.into()),
        ("idempotency_key", format!("key-{n}").into()),
    ]
}

fn amounts() -> Vec<super::Case> {
    let amount = |minor: i64| [("amount_minor", minor.into())];
    vec![
        accepted(amount(1)),
        accepted(amount(MAX_MINOR)),
        refused(amount(0), Check("orders_amount_in_range")),
        refused(amount(-1), Check("orders_amount_in_range")),
        refused(amount(MAX_MINOR + 1), Check("orders_amount_in_range")),
        refused(amount(i64::MAX), Check("orders_amount_in_range")),
    ]
}

fn statuses() -> Vec<super::Case> {
    let status =
        |status: &str, reason: Option<&str>| [("status", status.into()), ("reason", reason.map(str::to_owned).into())];
    vec![
        accepted(status("FINISHED", None)),
        accepted(status("CANCELLED", Some("insufficient_funds"))),
        accepted(status("CANCELLED", Some("account_not_found"))),
        accepted(status("CANCELLED", Some("cancelled_by_user"))),
        accepted(status("CANCELLED", Some("payment_deadline"))),
        refused(status("PAID", None), Check("orders_status_known")),
        refused(status("new", None), Check("orders_status_known")),
        refused(status("", None), Check("orders_status_known")),
        refused(status("CANCELLED", Some("a whim")), Check("orders_reason_known")),
        refused(status("CANCELLED", None), Check("orders_reason_iff_cancelled")),
        refused(status("NEW", Some("payment_deadline")), Check("orders_reason_iff_cancelled")),
        refused(status("FINISHED", Some("payment_deadline")), Check("orders_reason_iff_cancelled")),
        accepted([("version", i32::MAX.into())]),
        refused([("version", 0.into())], Check("orders_version_from_one")),
        refused([("version", (-1).into())], Check("orders_version_from_one")),
    ]
}

fn keys() -> Vec<super::Case> {
    let again = Unique { index: "orders_idempotency_key", columns: &["user_id", "idempotency_key"] };
    vec![
        refused([("id", Uuid::from_u128(1).into())], Unique { index: "orders_pkey", columns: &["id"] }),
        refused([("idempotency_key", "key-1".into())], again),
        accepted([("idempotency_key", "key-1".into()), ("user_id", "bob".into())]),
        accepted([("idempotency_key", "KEY-1".into())]),
        accepted([("idempotency_key", None::<String>.into())]),
        accepted([("description", None::<String>.into())]),
        accepted([("cancel_requested_at", None::<i64>.into())]),
    ]
}

fn cancels() -> Vec<super::Case> {
    let refund = Some(Uuid::from_u128(9));
    let cancel = |at: Option<i64>, cause: Option<&str>| {
        [("cancel_requested_at", at.into()), ("cancel_cause", cause.map(str::to_owned).into())]
    };
    vec![
        accepted(cancel(Some(1), Some("cancelled_by_user"))),
        accepted(cancel(Some(1), Some("payment_deadline"))),
        refused(cancel(Some(1), Some("a whim")), Check("orders_cancel_cause_fits")),
        refused(cancel(Some(1), None), Check("orders_cancel_cause_fits")),
        refused(cancel(None, Some("payment_deadline")), Check("orders_cancel_cause_fits")),
        refused(
            [
                ("cancel_requested_at", 1_i64.into()),
                ("cancel_cause", "payment_deadline".into()),
                ("status", "FINISHED".into()),
            ],
            Check("orders_cancel_cause_fits"),
        ),
        refused([("refund_transaction_id", refund.into())], Check("orders_refund_fits")),
        refused([("refund_transaction_id", refund.into()), ("status", "FINISHED".into())], Check("orders_refund_fits")),
        accepted([
            ("refund_transaction_id", refund.into()),
            ("status", "CANCELLED".into()),
            ("reason", "cancelled_by_user".into()),
        ]),
    ]
}
