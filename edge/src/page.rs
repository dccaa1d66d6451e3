//! Lists page by page: the query's strict reading, opaque cursors, the link to the next page.
//! Absent: what a cursor's key means; the list that gave it out knows.

use crate::{Code, Problem};
use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{HeaderName, HeaderValue, LINK},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use std::future::{Ready, ready};
use url::form_urlencoded::{Serializer, parse};

/// The most items of one page.
pub const MAX_LIMIT: u32 = 100;

/// The items of one page unless the client says otherwise.
pub const DEFAULT_LIMIT: u32 = 50;

/// What the query string of a list says. Parameters that mean nothing here are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// At most so many items: 1 to [`MAX_LIMIT`].
    pub limit: u32,
    /// Where the page before ended, still sealed.
    pub cursor: Option<String>,
    /// Only items with this status, as the client wrote it.
    pub status: Option<String>,
}

impl PageQuery {
    /// Reads a query string.
    ///
    /// # Errors
    /// `invalid_limit` when it is not a number within its bounds; this, `invalid_cursor` or `invalid_status` for what
    /// was given twice.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        Ok(Self {
            limit: once(query, "limit", Code::InvalidLimit)?.map_or(Ok(DEFAULT_LIMIT), |text| limit(&text))?,
            cursor: once(query, "cursor", Code::InvalidCursor)?,
            status: once(query, "status", Code::InvalidStatus)?,
        })
    }
}

impl FromRequest for PageQuery {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

/// Makes a cursor that only the list of this kind opens again.
pub fn seal_cursor(kind: &'static str, key: &str) -> String {
    let sealed = [checksum(kind, key).to_be_bytes().as_slice(), key.as_bytes()].concat();
    BASE64_URL_SAFE_NO_PAD.encode(sealed)
}

/// The key inside a cursor.
///
/// # Errors
/// `invalid_cursor` when this list never gave it out: tampered with, cut, or of another kind.
pub fn open_cursor(kind: &'static str, text: &str) -> Result<String, Problem> {
    unseal(kind, text)
        .ok_or_else(|| Problem::new(Code::InvalidCursor, "The cursor is not one that this list gave out."))
}

/// The `Link` header to the next page: this request's path and query with another cursor.
pub fn next_link(request: &HttpRequest, cursor: &str) -> (HeaderName, HeaderValue) {
    let others = parse(request.query_string().as_bytes()).filter(|(name, _)| name != "cursor");
    let query = Serializer::new(String::new()).extend_pairs(others).append_pair("cursor", cursor).finish();
    let link = format!("<{}?{query}>; rel=\"next\"", request.path());
    (LINK, HeaderValue::from_bytes(link.as_bytes()).expect("a request's path has no control characters"))
}

/// The parameter's value, if it is there once.
fn once(query: &str, name: &str, twice: Code) -> Result<Option<String>, Problem> {
    let mut values = parse(query.as_bytes()).filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Problem::new(twice, format!("{name} was given more than once."))),
    }
}

fn limit(text: &str) -> Result<u32, Problem> {
    let number = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    number
        .and_then(|text| text.parse().ok())
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| Problem::new(Code::InvalidLimit, format!("limit must be a number from 1 to {MAX_LIMIT}.")))
}

fn unseal(kind: &str, text: &str) -> Option<String> {
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (sum, key) = sealed.split_first_chunk()?;
    let key = std::str::from_utf8(key).ok()?;
    (u64::from_be_bytes(*sum) == checksum(kind, key)).then(|| key.to_owned())
}

/// FNV-1a over kind and key: against mistakes, not against forgers, who gain nothing (a list only shows its owner's own).
fn checksum(kind: &str, key: &str) -> u64 {
    let bytes = kind.bytes().chain([0]).chain(key.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn opened(kind: &'static str, text: &str) -> Option<String> {
        open_cursor(kind, text).ok()
    }

    proptest! {
        #[test]
        fn a_cursor_opens_to_the_key_that_was_sealed_and_only_for_its_list(key in ".{0,80}") {
            let cursor = seal_cursor("orders", &key);
            prop_assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(opened("orders", &cursor), Some(key));
            prop_assert_eq!(opened("transactions", &cursor), None);
        }

        #[test]
        fn a_cursor_with_any_character_changed_is_refused(key in ".{0,40}", at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let cursor = seal_cursor("orders", &key);
            let at = at.index(cursor.len());
            let mut changed = cursor.clone();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(opened("orders", &changed).is_some(), changed == cursor);
        }

        #[test]
        fn any_text_is_opened_or_refused_and_never_panics(text in ".{0,80}") {
            prop_assert_eq!(opened("orders", &text), None);
        }

        #[test]
        fn any_query_is_read_within_bounds_or_refused(query in ".{0,60}") {
            if let Ok(page) = PageQuery::parse(&query) {
                prop_assert!((1..=MAX_LIMIT).contains(&page.limit));
            }
        }
    }

    #[test]
    fn cursors_do_not_change_from_one_release_to_the_next() {
        assert_eq!(seal_cursor("orders", "1"), "lHKUhPqgma8x");
    }
}
