//! The W3C trace context (<https://www.w3.org/TR/trace-context/#traceparent-header>): which trace, which span in it, sampled or not.
//! Absent: `tracestate`, and where the text came from.

use serde::{Serialize, Serializer};
use std::fmt;

/// `00-<32 hex>-<16 hex>-<2 hex>`.
const LEN: usize = 55;
/// The one flag that has a meaning: somebody records this trace.
const SAMPLED: u8 = 1;

/// Where work belongs, written `00-<trace>-<span>-<flags>` in lower-case hex. Three numbers: to pass it on allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceContext {
    /// Reads a header's text; of a later version than 00 only the part that 00 has is kept.
    pub fn parse(text: &str) -> Option<Self> {
        let known = text.get(..LEN)?;
        let mut parts = known.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let whole = match (version, text.as_bytes().get(LEN)) {
            ("ff", _) | ("00", Some(_)) => false,
            (_, after) => matches!(after, None | Some(b'-')),
        };
        let fits =
            whole && parts.next().is_none() && hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
        if !fits {
            return None;
        }
        let (trace, span) = (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
        let flags = u8::from_str_radix(flags, 16).ok()?;
        (trace != 0 && span != 0).then_some(Self { trace, span, flags })
    }

    /// A new trace that nobody records; its id is for the log.
    pub fn unsampled() -> Self {
        Self { trace: some_id(), span: span_id(), flags: 0 }
    }

    /// A new trace that is recorded.
    pub fn sampled() -> Self {
        Self { flags: SAMPLED, ..Self::unsampled() }
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: span_id(), ..self }
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The trace's id; shown as 32 hex digits.
    pub fn trace_id(self) -> impl fmt::Display {
        fmt::from_fn(move |f| write!(f, "{:032x}", self.trace))
    }

    pub(crate) fn trace(self) -> u128 {
        self.trace
    }

    pub(crate) fn span(self) -> u64 {
        self.span
    }

    pub(crate) fn flags(self) -> u8 {
        self.flags
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn hex(part: &str, len: usize) -> bool {
    part.len() == len && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Never zero, which would read as "none".
fn some_id() -> u128 {
    rand::random::<u128>().max(1)
}

fn span_id() -> u64 {
    rand::random::<u64>().max(1)
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
        let context = TraceContext::parse(GOOD).expect("valid");
        assert_eq!(context.trace_id().to_string(), GOOD[3..35]);
        assert_eq!(serde_json::to_string(&context).expect("a text"), format!("\"{GOOD}\""));
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
            GOOD.replacen("-01", "--1", 1),
        ];
        for text in bad {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn only_the_lowest_flag_says_that_a_trace_is_recorded() {
        for (flags, sampled) in [("00", false), ("01", true), ("02", false), ("ff", true)] {
            let text = format!("{}{flags}", &GOOD[..53]);
            let context = TraceContext::parse(&text).expect("valid");
            assert_eq!((context.is_sampled(), context.to_string()), (sampled, text));
        }
    }

    #[test]
    fn what_is_made_is_valid_and_new_and_a_child_stays_in_the_trace() {
        for (made, sampled) in [(TraceContext::sampled(), true), (TraceContext::unsampled(), false)] {
            assert_eq!((TraceContext::parse(&made.to_string()), made.is_sampled()), (Some(made), sampled));
            let child = made.child();
            assert_eq!((child.trace, child.flags), (made.trace, made.flags));
            assert_ne!(child.span, made.span);
        }
        assert_ne!(TraceContext::sampled().trace, TraceContext::sampled().trace);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_never_panics(text in "\\PC{0,60}") {
            if let Some(context) = TraceContext::parse(&text) {
                prop_assert_eq!(context.to_string().len(), LEN);
            }
        }
    }
}
