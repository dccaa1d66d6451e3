//! What `outbox`, `inbox` and `parked` must accept and refuse, in either database.

use sea_orm::Value;
use uuid::Uuid;

use super::{Row, Table, Verdict::*, accepted, refused};

pub fn outbox() -> Table {
    let cases = vec![
        accepted([("lease_until", 0_i64.into())]),
        refused([("id", Uuid::from_u128(1).into())], Unique { index: "outbox_pkey", columns: &["id"] }),
    ];
    Table { name: "outbox", valid: message, nullable: &[], cases }
}

fn message(n: u8) -> Row {
    vec![
        ("id", Uuid::from_u128(n.into()).into()),
        ("routing_key", "payment.requested".into()),
        ("partition_key", "ann".into()),
        ("body", "{}".into()),
        ("lease_until", 1_i64.into()),
        ("created_at", 1_i64.into()),
    ]
}

pub fn inbox() -> Table {
    let again = Unique { index: "inbox_pkey", columns: &["message_id"] };
    let cases = vec![refused([("message_id", Uuid::from_u128(1).into())], again)];
    Table { name: "inbox", valid: mark, nullable: &[], cases }
}

fn mark(n: u8) -> Row {
    vec![("message_id", Uuid::from_u128(n.into()).into()), ("handled_at", 1_i64.into())]
}

pub fn parked() -> Table {
    let state = |state: &str, next: Option<i64>| -> [(&'static str, Value); 2] {
        [("state", state.into()), ("next_attempt_at", next.into())]
    };
    let cases = vec![
        accepted(state("parked", None)),
        accepted(state("dead", None)),
        refused(state("lost", None), Check("parked_state_known")),
        refused(state("retrying", None), Check("parked_next_attempt_iff_retrying")),
        refused(state("parked", Some(2)), Check("parked_next_attempt_iff_retrying")),
        refused(state("dead", Some(2)), Check("parked_next_attempt_iff_retrying")),
        accepted([("attempts", 0.into())]),
        refused([("attempts", (-1).into())], Check("parked_attempts_counted")),
        accepted([("body", Vec::<u8>::new().into())]),
        accepted([("message_id", None::<String>.into())]),
        accepted([("message_id", "message-1".into())]),
        refused([("id", Uuid::from_u128(1).into())], Unique { index: "parked_pkey", columns: &["id"] }),
    ];
    Table { name: "parked", valid: failure, nullable: &["message_id", "next_attempt_at"], cases }
}

fn failure(n: u8) -> Row {
    vec![
        ("id", Uuid::from_u128(n.into()).into()),
        ("queue", "payments.requests".into()),
        ("message_id", format!("message-{n}").into()),
        ("body", vec![0xff_u8, 0x00, 0x27].into()),
        ("state", "retrying".into()),
        ("attempts", 1.into()),
        ("next_attempt_at", 2_i64.into()),
        ("error", "database is locked".into()),
        ("first_failed_at", 1_i64.into()),
        ("updated_at", 1_i64.into()),
    ]
}
