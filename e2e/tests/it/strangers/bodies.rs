//! Bodies that mean no good, to every call that has one: each is a 4xx in the contract's words, and nothing is written.
//! Absent: requests hidden in others (see the module `hostile`), and amounts one by one (edge/tests).

use super::hostile::{check_refusal, tell};
use anyhow::Context;
use e2e::{Result, Shop, User};
use futures_util::future::try_join_all;
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};

/// The calls with a body; `{id}` is an order of the caller's, which is final.
const CALLS: [&str; 4] = ["/orders", "/accounts/topup", "/accounts", "/orders/{id}/cancel"];

const JSON: &str = "Content-Type: application/json\r\n";

/// What refuses a body.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    /// By its bytes, whatever the call.
    Whole(u16, &'static str),
    /// By this field: where it has a meaning, by this code; elsewhere because it has none.
    Field(&'static str, &'static str),
}

use Refusal::{Field, Whole};

const MALFORMED: Refusal = Whole(400, "malformed_json");
const TOO_LARGE: Refusal = Whole(413, "payload_too_large");
const MEDIA: Refusal = Whole(415, "unsupported_media_type");
const AMOUNT: Refusal = Field("amount", "invalid_amount");
const DESCRIPTION: Refusal = Field("description", "invalid_description");

/// Headers, body, and what refuses it.
type Case = (&'static str, Vec<u8>, Refusal);

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
}

fn of_bytes() -> Vec<Case> {
    let order = r#"{"amount": "1.00"}"#;
    let cases: Vec<(&str, Vec<u8>, Refusal)> = vec![
        (JSON, b"[".repeat(100_000), TOO_LARGE),
        (JSON, b"[".repeat(16_000), MALFORMED),
        (JSON, [b"{\"amount\":".to_vec(), b"[".repeat(5_000), b"]".repeat(5_000), b"}".to_vec()].concat(), MALFORMED),
        (JSON, vec![b' '; 10 << 20], TOO_LARGE),
        (JSON, b"{\"amount\": \"1\xff\"}".to_vec(), MALFORMED),
        (JSON, b"{\"amount\": \"1\", \"description\": \"\xc0\xaf\"}".to_vec(), MALFORMED),
        (JSON, b"{\"\xed\xa0\x80\": \"1\"}".to_vec(), MALFORMED),
        (JSON, b"{\"amount\": \"1\0\"}".to_vec(), MALFORMED),
        (JSON, [b"\xef\xbb\xbf", order.as_bytes()].concat(), MALFORMED),
        (JSON, utf_16(order, u16::to_le_bytes), MALFORMED),
        (JSON, utf_16(order, u16::to_be_bytes), MALFORMED),
        (JSON, br#"{"amount": "1", "amount": "1"}"#.to_vec(), MALFORMED),
        (JSON, br#"{"amount": "1", "\u0061mount": "2"}"#.to_vec(), MALFORMED),
        (JSON, br#"{"amount": NaN}"#.to_vec(), MALFORMED),
        (JSON, br#"{"amount": -Infinity}"#.to_vec(), MALFORMED),
        (JSON, br#"{"amount": 01}"#.to_vec(), MALFORMED),
        (JSON, br#"{"amount": 1} {"amount": 1}"#.to_vec(), MALFORMED),
        (JSON, br#"[{"amount": 1}]"#.to_vec(), MALFORMED),
        (JSON, br#""amount""#.to_vec(), MALFORMED),
        ("", order.as_bytes().to_vec(), MEDIA),
        ("Content-Type: text/plain\r\n", order.as_bytes().to_vec(), MEDIA),
        ("Content-Type: application/json; charset=utf-16\r\n", utf_16(order, u16::to_le_bytes), MEDIA),
        ("Content-Type: application/json\r\nContent-Type: text/plain\r\n", order.as_bytes().to_vec(), MEDIA),
    ];
    cases.into_iter().chain(encoded()).collect()
}

/// A bomb need not be a real one: nothing here unpacks.
fn encoded() -> impl Iterator<Item = Case> {
    ["gzip", "br", "deflate", "zstd", "identity, gzip"].into_iter().map(|coding| {
        let headers = format!("{JSON}Content-Encoding: {coding}\r\n");
        (&*headers.leak(), [b"\x1f\x8b\x08".to_vec(), vec![0; 1_000]].concat(), MEDIA)
    })
}

fn of_fields() -> Vec<Case> {
    let amounts = [
        "1e400",
        "1E2",
        "-0",
        "-0.0",
        "0.001",
        "1e-2",
        "true",
        "null",
        "{}",
        "[1]",
        "\"NaN\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
    ];
    let amounts =
        amounts.map(str::to_owned).into_iter().chain(["9".repeat(10_000), format!("0.{}1", "0".repeat(9_999))]);
    let amounts = amounts.map(|amount| (JSON, format!("{{\"amount\": {amount}}}").into_bytes(), AMOUNT));
    let texts = ["\"\\ud800\"", "\"a\\u0000b\"", "1", "[]", "{}"].map(str::to_owned);
    let texts = texts.into_iter().chain([format!("\"{}\"", "\u{10ffff}".repeat(513))]);
    let order = |text| format!("{{\"amount\": \"1\", \"description\": {text}}}").into_bytes();
    let texts = texts.map(|text| (JSON, order(text), DESCRIPTION));
    let unknown = (JSON, br#"{"amount": "1", "balance": "1"}"#.to_vec(), Field("balance", "unknown_field"));
    amounts.chain(texts).chain([unknown]).collect()
}

/// The status, the code and the field that this call refuses it by.
fn expected(call: &str, refusal: Refusal) -> (u16, &'static str, Option<&'static str>) {
    let known: &[&str] = match call {
        "/orders" => &["amount", "description"],
        "/accounts/topup" => &["amount"],
        _ => &[],
    };
    match refusal {
        Whole(status, code) => (status, code, None),
        Field(field, code) if known.contains(&field) => (422, code, Some(field)),
        Field(field, _) => (422, "unknown_field", Some(field)),
    }
}

fn request(path: &str, headers: &str, length: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nX-User-Id: eve\r\nConnection: close\r\n{headers}{length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Tells this call these bytes, which must be refused.
async fn refuse(address: SocketAddr, call: &str, path: &str, bytes: &[u8], refusal: Refusal) -> Result<()> {
    let (status, code, field) = expected(call, refusal);
    let answer = tell(address, bytes).await?;
    let what = format!("{call}: {}", String::from_utf8_lossy(&bytes[..bytes.len().min(400)]));
    check_refusal(&answer, status, &what);
    let problem: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap_or_default())?;
    assert_eq!(problem["code"], code, "{path} {what}: {answer}");
    let fields: Vec<_> =
        problem["errors"].as_array().into_iter().flatten().filter_map(|at| at["field"].as_str()).collect();
    assert!(field.is_none_or(|field| fields.contains(&field)), "{what}: {answer}");
    Ok(())
}

/// All that a refused call could have changed.
async fn belongings(eve: &User) -> Result<(Vec<Value>, Vec<Value>, String)> {
    Ok((eve.all_orders().await?, eve.all_transactions().await?, eve.balance().await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_means_no_good_is_refused_by_every_call_and_nothing_is_written() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (client, address) = (shop.client()?, shop.orders[0].address()?);
        let eve = client.user("eve").with_money("9").await?;
        let order = eve.order("1").await?;
        eve.outcome(&order).await?;
        let before = belongings(&eve).await?;
        for call in CALLS {
            let path = call.replace("{id}", &order);
            for (headers, body, refusal) in of_bytes().into_iter().chain(of_fields()) {
                let length = format!("Content-Length: {}", body.len());
                refuse(address, call, &path, &request(&path, headers, &length, &body), refusal).await?;
            }
        }
        endless(address, &order).await?;
        assert_eq!(belongings(&eve).await?, before);
        Ok(Arc::default())
    })
    .await
}

/// Chunks that never end: too many, and too few.
async fn endless(address: SocketAddr, order: &str) -> Result<()> {
    let many = format!("3fff\r\n{}\r\n", " ".repeat(0x3fff)).repeat(2);
    let chunks =
        [(many, TOO_LARGE), ("1\r\n{\r\n".to_owned(), MALFORMED), ("ffffffffffffffff1\r\n{".to_owned(), MALFORMED)];
    let told = CALLS.iter().flat_map(|call| chunks.iter().map(move |(chunks, refusal)| (*call, chunks, *refusal)));
    try_join_all(told.map(async |(call, chunks, refusal)| {
        let path = call.replace("{id}", order);
        let bytes = request(&path, JSON, "Transfer-Encoding: chunked", chunks.as_bytes());
        refuse(address, call, &path, &bytes, refusal).await.context("chunks without an end")
    }))
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_are_refused_in_every_header_that_is_read() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let address = shop.orders[0].address()?;
        let post = |header: &[u8]| {
            let head = b"POST /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 13\r\n";
            [head, header, b"\r\n\r\n{\"amount\": 1}"].concat()
        };
        for bytes in [&b"\xff"[..], b"\xc3\xa9", b"a\x7f", b"a b", b""] {
            for (header, rest) in [(&b"X-User-Id: "[..], &b""[..]), (b"X-User-Id: eve\r\nIdempotency-Key: ", b"")] {
                check_refusal(&tell(address, &post(&[header, bytes, rest].concat())).await?, 400, &format!("{bytes:?}"));
            }
        }
        for bytes in [&b"X-User-Id: e\0ve"[..], b"X-User-Id: eve\r\nIdempotency-Key: \0", b"X-User-Id: eve\r\nTraceparent: \0"] {
            check_refusal(&tell(address, &post(bytes)).await?, 400, &format!("{bytes:?}"));
        }
        assert_eq!(shop.client()?.user("eve").all_orders().await?.len(), 0);
        Ok(Arc::default())
    })
    .await
}
