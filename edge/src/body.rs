//! A request's body: one flat JSON object, read strictly and without a float anywhere.
//! Absent: defaults and rules beyond one field.

use crate::{Code, Problem};
use actix_web::{
    HttpRequest,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
    web::{self, BytesMut},
};
use futures_util::StreamExt;
use saga::Amount;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt, time::Duration};

/// The largest body: no order needs more, and it bounds what a request can make us hold.
pub const MAX_BODY: usize = 16 * 1024;

/// The time a body has to arrive once its head is here; the framework waits for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The deepest nesting that is read at all.
const MAX_DEPTH: usize = 32;

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 512;

/// The fields of a body, each still as the text it came in.
#[derive(Debug, Default)]
pub struct Fields(BTreeMap<String, Box<RawValue>>);

impl Fields {
    /// Reads a body that must be there.
    ///
    /// # Errors
    /// In this order: `unsupported_media_type`, `payload_too_large`, `malformed_json`, `unknown_field`.
    pub async fn read(request: &HttpRequest, payload: web::Payload, known: &[&str]) -> Result<Self, Problem> {
        check_media_type(request)?;
        Self::parse(&receive(request, payload).await?, known)
    }

    /// Reads a body that may be left out, which is the same as `{}`.
    ///
    /// # Errors
    /// As [`Fields::read`].
    pub async fn read_optional(request: &HttpRequest, payload: web::Payload, known: &[&str]) -> Result<Self, Problem> {
        if has_no_body(request) {
            return Ok(Self::default());
        }
        if request.headers().contains_key(CONTENT_TYPE) {
            return Self::read(request, payload, known).await;
        }
        let body = receive(request, payload).await?;
        if body.is_empty() { Ok(Self::default()) } else { Err(not_json()) }
    }

    /// The field `amount`.
    ///
    /// # Errors
    /// `invalid_amount` when it is missing, or neither a string nor a number, or not a valid [`Amount`].
    pub fn amount(&self) -> Result<Amount, Problem> {
        let rule = match self.0.get("amount") {
            None => "is required".to_owned(),
            Some(raw) => match decimal(raw.get()) {
                None => "must be a string or a number".to_owned(),
                Some(text) => match text.parse::<Amount>() {
                    Ok(amount) => return Ok(amount),
                    Err(why) => why.to_string(),
                },
            },
        };
        Err(invalid(Code::InvalidAmount, "amount", rule))
    }

    /// The field `description`; `null` is the same as none.
    ///
    /// # Errors
    /// `invalid_description` when it is not a string, has too many characters, or a NUL (PostgreSQL keeps none).
    pub fn description(&self) -> Result<Option<String>, Problem> {
        let Some(raw) = self.0.get("description") else { return Ok(None) };
        let rule = match serde_json::from_str::<Option<String>>(raw.get()) {
            Err(_) => "must be a string".to_owned(),
            Ok(Some(text)) if text.contains('\0') => "must not contain a NUL character".to_owned(),
            Ok(Some(text)) if text.chars().count() > MAX_DESCRIPTION => {
                format!("must be at most {MAX_DESCRIPTION} characters")
            }
            Ok(description) => return Ok(description),
        };
        Err(invalid(Code::InvalidDescription, "description", rule))
    }

    fn parse(body: &[u8], known: &[&str]) -> Result<Self, Problem> {
        let malformed = |why: &str| Problem::new(Code::MalformedJson, format!("The body {why}."));
        let text = std::str::from_utf8(body).map_err(|_| malformed("is not UTF-8"))?;
        if depth(text) > MAX_DEPTH {
            return Err(malformed("is nested too deeply"));
        }
        let fields: Self = serde_json::from_str(text)
            .map_err(|why| malformed(&format!("is not one JSON object without repeated fields: {why}")))?;
        let unknown: Vec<_> = fields.0.keys().filter(|name| !known.contains(&name.as_str())).collect();
        if unknown.is_empty() {
            return Ok(fields);
        }
        let problem = Problem::new(Code::UnknownField, "The body has fields that mean nothing here.");
        Err(unknown.into_iter().fold(problem, |problem, name| problem.field(name, "is not known here")))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if fields.insert(name, value).is_some() {
                        return Err(A::Error::custom("a field is repeated"));
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// The text of a JSON string or number; `None` for anything else. A number is never converted, only looked at.
fn decimal(raw: &str) -> Option<String> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).ok(),
        Some(b'-' | b'0'..=b'9') => Some(raw.to_owned()),
        _ => None,
    }
}

/// How deep arrays and objects are nested; of a text that is not JSON, some number.
fn depth(text: &str) -> usize {
    let (mut deepest, mut now, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => now += 1,
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

fn invalid(code: Code, field: &str, rule: String) -> Problem {
    Problem::new(code, format!("{field} {rule}.")).field(field, rule)
}

fn not_json() -> Problem {
    Problem::new(Code::UnsupportedMediaType, "The body must be sent as application/json in UTF-8, not encoded.")
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    let plain = headers.get_all(CONTENT_ENCODING).all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    let mut types = headers.get_all(CONTENT_TYPE).map(|value| value.to_str().is_ok_and(is_json));
    if plain && types.next() == Some(true) && types.next().is_none() { Ok(()) } else { Err(not_json()) }
}

/// `application/json` with any parameters, but with no other charset than UTF-8.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    let mut charsets =
        parts.filter_map(|part| part.split_once('=')).filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
    json && charsets.all(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

fn has_no_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    !headers.contains_key(TRANSFER_ENCODING) && headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0")
}

/// The whole body, unless it is too large: by its own account before anything is read, or by what arrives.
async fn receive(request: &HttpRequest, payload: web::Payload) -> Result<BytesMut, Problem> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    let late = |_| Problem::new(Code::MalformedJson, "The body did not arrive in time.");
    tokio::time::timeout(BODY_TIMEOUT, collect(payload)).await.map_err(late)?
}

async fn collect(mut payload: web::Payload) -> Result<BytesMut, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Code::MalformedJson, "The body did not arrive whole."))?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large() -> Problem {
    Problem::new(Code::PayloadTooLarge, format!("A body has at most {MAX_BODY} bytes."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn depth_counts_what_is_nested_and_nothing_inside_a_text() {
        for (text, deep) in
            [("1", 0), ("{}", 1), ("[[],[[]]]", 3), (r#"{"[[[": "\"{{{"}"#, 1), ("]]][", 1), (r#""\\"[["#, 2)]
        {
            assert_eq!(depth(text), deep, "{text}");
        }
    }

    #[test]
    fn a_charset_is_the_only_parameter_that_counts() {
        for good in ["application/json", "application/json;", "application/json ; a=b; Charset = UTF-8; charset"] {
            assert!(is_json(good), "{good}");
        }
        for bad in
            ["", ";", "application/jsonp", "text/json", "application/json; charset=latin1", "a/b, application/json"]
        {
            assert!(!is_json(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let known = ["amount", "description"];
            if let Ok(fields) = Fields::parse(&bytes, &known) {
                prop_assert!(fields.0.keys().all(|name| known.contains(&name.as_str())));
            }
        }

        #[test]
        fn an_amount_reads_the_same_as_a_text_and_as_a_number(whole in 0..2_000_000_000_000_u64, cents in 0..1_000_u32) {
            let read = |amount: &str| {
                Fields::parse(format!(r#"{{"amount": {amount}}}"#).as_bytes(), &["amount"]).and_then(|body| body.amount()).ok()
            };
            let text = format!("{whole}.{cents:02}");
            prop_assert_eq!(read(&text), read(&format!("\"{text}\"")));
            prop_assert_eq!(read(&text), text.parse().ok());
        }
    }
}
