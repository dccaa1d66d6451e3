//! Who is asking: the `X-User-Id` header that the company's infrastructure sets, and whom the client believes to speak for.
//! Absent: authentication, and the WebSocket's query parameters (only the socket's handler may read those).

use crate::{Code, Problem};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderMap};
use saga::UserId;
use std::future::{Ready, ready};

/// The user of a request, said by the infrastructure.
pub const HEADER: &str = "X-User-Id";
/// The user that the client believes to speak for. Infrastructure leaves it alone, so that it tells a session that changed hands.
pub const EXPECTED_HEADER: &str = "X-Expected-User-Id";

/// The user on whose behalf a request is made. Ask for it first, so that identity is judged before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub UserId);

impl Caller {
    /// Reads both headers.
    ///
    /// # Errors
    /// `missing_user_id`; `invalid_user_id` when one is no [`UserId`] or was sent twice; `user_mismatch` when they differ.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let user = in_header(headers, HEADER)?;
        let user = user.ok_or_else(|| Problem::new(Code::MissingUserId, "Every request carries X-User-Id."))?;
        Self(user).expected_as(in_header(headers, EXPECTED_HEADER)?)
    }

    /// This caller, if the client believes to speak for no other.
    ///
    /// # Errors
    /// `user_mismatch`, with the caller's own id.
    pub fn expected_as(self, expected: Option<UserId>) -> Result<Self, Problem> {
        match expected {
            Some(expected) if expected != self.0 => Err(Problem::user_mismatch(&self.0)),
            _ => Ok(self),
        }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request.headers()))
    }
}

/// The user that this header names, if it is there.
///
/// # Errors
/// `invalid_user_id` when its value is no [`UserId`] or it was sent twice.
pub fn in_header(headers: &HeaderMap, name: &str) -> Result<Option<UserId>, Problem> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(Code::InvalidUserId, format!("{name} was sent more than once.")));
    }
    named(name, value.to_str().unwrap_or_default()).map(Some)
}

/// The user that this text, the value of `name`, is.
///
/// # Errors
/// `invalid_user_id` when it is no [`UserId`].
pub fn named(name: &str, text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).map_err(|why| Problem::new(Code::InvalidUserId, format!("{name} {why}.")))
}
