//! The W3C `traceparent` of a request: taken over when it is valid, made when it is not.
//! Absent: `tracestate`, sampling decisions, exporting.

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{HeaderMap, HeaderName},
};
use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
};
use uuid::Uuid;

/// The header's name.
const HEADER: HeaderName = HeaderName::from_static("traceparent");

/// `00-<32 hex>-<16 hex>-<2 hex>`.
const LEN: usize = 55;

/// Where a request belongs: `00-<trace>-<span>-<flags>`, lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext(String);

impl TraceContext {
    /// Reads a header's text; of a later version than 00 only the part that 00 has is kept.
    pub fn parse(text: &str) -> Option<Self> {
        let known = text.get(..LEN)?;
        let [version, trace, span, flags] = known.split('-').collect::<Vec<_>>().try_into().ok()?;
        let tail = match (version, text.as_bytes().get(LEN)) {
            ("ff", _) | ("00", Some(_)) => false,
            (_, after) => matches!(after, None | Some(b'-')),
        };
        let fits = hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
        let present = !is_zero(trace) && !is_zero(span);
        (tail && fits && present).then(|| Self(format!("00{}", &known[2..])))
    }

    /// A new trace, recorded.
    pub fn generate() -> Self {
        let (_, span) = Uuid::new_v4().as_u64_pair();
        Self(format!("00-{}-{span:016x}-01", Uuid::new_v4().simple()))
    }

    /// The request's, if it carries exactly one that is valid; otherwise a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(HEADER);
        let first = values.next().and_then(|value| value.to_str().ok()).and_then(Self::parse);
        first.filter(|_| values.next().is_none()).unwrap_or_else(Self::generate)
    }

    /// The whole text, as a header or a message carries it on.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace's id alone: 32 hex digits.
    pub fn trace_id(&self) -> &str {
        &self.0[3..35]
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromRequest for TraceContext {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    /// What the observing middleware found or made.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let seen = request.extensions().get::<Self>().cloned();
        ready(Ok(seen.unwrap_or_else(|| Self::of(request.headers()))))
    }
}

fn hex(part: &str, len: usize) -> bool {
    part.len() == len && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_zero(part: &str) -> bool {
    part.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_context_is_kept_and_one_of_a_later_version_is_cut_to_what_is_known() {
        let parsed = |text: &str| TraceContext::parse(text).map(|context| context.to_string());
        assert_eq!(parsed(GOOD).as_deref(), Some(GOOD));
        let later = GOOD.replacen("00", "cc", 1);
        for text in [later.clone(), format!("{later}-"), format!("{later}-what-the-future-brings")] {
            assert_eq!(parsed(&text).as_deref(), Some(GOOD), "{text}");
        }
        assert_eq!(
            TraceContext::parse(GOOD).map(|context| context.trace_id().to_owned()).as_deref(),
            Some(&GOOD[3..35])
        );
    }

    #[test]
    fn an_invalid_context_is_none() {
        let bad = [
            String::new(),
            GOOD[..54].to_owned(),
            format!("{GOOD}-"),
            format!("{GOOD}0"),
            format!("{}0", GOOD.replacen("00", "cc", 1)),
            GOOD.to_uppercase(),
            GOOD.replacen("00", "ff", 1),
            GOOD.replace('-', "_"),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace('4', "g"),
            GOOD.replacen("-4", "4-", 1),
        ];
        for text in bad {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn what_is_made_is_valid_and_new() {
        let (one, other) = (TraceContext::generate(), TraceContext::generate());
        assert_eq!(TraceContext::parse(one.as_str()).as_ref(), Some(&one));
        assert_ne!(one.trace_id(), other.trace_id());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_never_panics(text in "\\PC{0,60}") {
            if let Some(context) = TraceContext::parse(&text) {
                prop_assert_eq!(context.as_str().len(), LEN);
            }
        }
    }
}
