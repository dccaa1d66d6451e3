//! The requests, made once: during a measurement only their bytes are sent. Absent: sending them.

use super::connection::Answer;
use anyhow::{Result, ensure};
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
struct Order {
    id: Uuid,
}

/// The id in the answer to `POST /orders`.
///
/// # Errors
/// When the order was not accepted.
pub fn order_id(placed: &Answer<'_>) -> Result<Uuid> {
    ensure!(placed.status == 201, "{}: {}", placed.status, String::from_utf8_lossy(placed.body));
    Ok(serde_json::from_slice::<Order>(placed.body)?.id)
}

/// The names of so many users.
pub fn users(number: usize) -> Vec<String> {
    (1..=number).map(|number| format!("user-{number}")).collect()
}

/// `POST /accounts`.
pub fn open_account(user: &str) -> Vec<u8> {
    post("/accounts", user, "{}")
}

/// `POST /accounts/topup`, with enough for any run.
pub fn top_up(user: &str) -> Vec<u8> {
    post("/accounts/topup", user, r#"{"amount": "100000000.00"}"#)
}

/// `POST /orders` of the smallest kind.
pub fn place_order(user: &str) -> Vec<u8> {
    post("/orders", user, r#"{"amount": "1.00"}"#)
}

/// `GET`.
pub fn get(path: &str, user: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: shop\r\nX-User-Id: {user}\r\n\r\n").into_bytes()
}

fn post(path: &str, user: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: shop\r\nX-User-Id: {user}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
