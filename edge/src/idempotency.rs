//! The `Idempotency-Key` header: a client's name for one attempt, so that a repeat does nothing twice.
//! Absent: remembering keys and answers; that happens in the transaction of whatever is done.

use crate::{Code, Problem};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderMap};
use std::future::{Ready, ready};

/// The header of an answer that was given before: `Idempotency-Replayed: true`.
pub const REPLAYED: &str = "idempotency-replayed";

/// The header's name.
const HEADER: &str = "idempotency-key";

/// The most characters a key may have; what the draft's implementations agree on, and what a column can index.
const MAX_LEN: usize = 255;

/// The key, if the client sent one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    /// Reads the header.
    ///
    /// # Errors
    /// `invalid_idempotency_key` when it is empty, too long, holds anything but visible ASCII, or was sent twice.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(HEADER);
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default();
        let fits = (1..=MAX_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        match (fits, values.next()) {
            (true, None) => Ok(Self(Some(text.to_owned()))),
            (_, Some(_)) => Err(invalid("Idempotency-Key was sent more than once.".to_owned())),
            (false, None) => Err(invalid(format!("Idempotency-Key must be 1 to {MAX_LEN} visible ASCII characters."))),
        }
    }

    /// The key as text.
    pub fn into_inner(self) -> Option<String> {
        self.0
    }
}

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request.headers()))
    }
}

/// The problem of a key that belongs to another request.
pub fn reused() -> Problem {
    Problem::new(Code::IdempotencyKeyReused, "The Idempotency-Key belongs to another request.")
}

fn invalid(detail: String) -> Problem {
    Problem::new(Code::InvalidIdempotencyKey, detail)
}
