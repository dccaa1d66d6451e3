//! Who is asking: the `X-User-Id` header that the company's infrastructure sets.
//! Absent: authentication, and the WebSocket's `?user_id=` (only the socket's handler may read that).

use crate::{Code, Problem};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderMap};
use saga::UserId;
use std::future::{Ready, ready};

/// The header's name.
pub const HEADER: &str = "x-user-id";

/// The user on whose behalf a request is made. Ask for it first, so that identity is judged before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub UserId);

impl Caller {
    /// Reads the header.
    ///
    /// # Errors
    /// `missing_user_id`; `invalid_user_id` when it is no [`UserId`] or was sent twice.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(HEADER);
        let Some(value) = values.next() else {
            return Err(Problem::new(Code::MissingUserId, "Every request carries X-User-Id."));
        };
        if values.next().is_some() {
            return Err(Problem::new(Code::InvalidUserId, "X-User-Id was sent more than once."));
        }
        let text = value.to_str().unwrap_or_default();
        UserId::parse(text).map(Self).map_err(|why| Problem::new(Code::InvalidUserId, format!("X-User-Id {why}.")))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request.headers()))
    }
}
