//! Headers and path parameters that name something: a user, an attempt, a trace, an order.
//! Absent: the codec, which refuses bytes that no header may have.

use crate::{Verdict, problems};
use actix_web::{
    http::header::{HeaderMap, HeaderName, HeaderValue},
    test::TestRequest,
};
use edge::{Caller, Code, IdempotencyKey, caller, order_id};
use telemetry::TraceContext;

/// The most characters of a user's id and of a key, as the contract has them.
const MAX_USER: usize = 128;
const MAX_KEY: usize = 255;

/// Any lines as the values of a header; a single one also as an id and a trace.
pub fn headers(data: &[u8]) -> Verdict {
    let values: Option<Vec<_>> =
        data.split(|byte| *byte == b'\n').map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let Some(values) = values else { return Verdict::Refused };
    let (user, key) = (check_user(&values), check_key(&values));
    let known = std::str::from_utf8(data).is_ok_and(|text| check_trace(text) | check_order(text));
    Verdict::of(user || key || known)
}

fn map(name: &'static str, values: &[HeaderValue]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(name.parse::<HeaderName>().expect("a header's name"), value.clone());
    }
    headers
}

/// The only value, if it is one that the contract allows.
fn allowed(values: &[HeaderValue], most: usize) -> Option<&str> {
    let [value] = values else { return None };
    let fits = (1..=most).contains(&value.len()) && value.as_bytes().iter().all(|byte| (0x21..=0x7e).contains(byte));
    value.to_str().ok().filter(|_| fits)
}

fn check_user(values: &[HeaderValue]) -> bool {
    let read = Caller::of(&map(caller::HEADER, values));
    assert_eq!(read.as_ref().ok().map(|caller| caller.0.as_str()), allowed(values, MAX_USER));
    if let Err(problem) = &read {
        problems::check(problem, &[Code::InvalidUserId]);
        assert!(problem.to_string().contains("X-User-Id"), "{problem}");
    }
    read.is_ok()
}

fn check_key(values: &[HeaderValue]) -> bool {
    let read = IdempotencyKey::of(&map("idempotency-key", values));
    if let Err(problem) = &read {
        problems::check(problem, &[Code::InvalidIdempotencyKey]);
        assert!(problem.to_string().contains("Idempotency-Key"), "{problem}");
    }
    let key = read.ok().and_then(IdempotencyKey::into_inner);
    assert_eq!(key.as_deref(), allowed(values, MAX_KEY));
    key.is_some()
}

/// Shown and read again it is the same trace; one of a later version is cut to what is known.
fn check_trace(text: &str) -> bool {
    let read = TraceContext::parse(text);
    if let Some(context) = read {
        let shown = context.to_string();
        assert_eq!(TraceContext::parse(&shown), Some(context));
        assert_eq!((shown.get(2..), shown.len()), (text.get(2..shown.len()), 55));
    }
    read.is_some()
}

/// Only the form that we write is an id; in capitals, too.
fn check_order(text: &str) -> bool {
    let request = TestRequest::default().param("id", text.to_owned()).to_http_request();
    match order_id(&request) {
        Ok(id) => {
            assert_eq!(id.to_string(), text.to_ascii_lowercase());
            true
        }
        Err(problem) => {
            problems::check(&problem, &[Code::InvalidOrderId]);
            false
        }
    }
}
