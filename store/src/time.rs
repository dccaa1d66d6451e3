//! Points in time as the databases keep them, and the one place that asks the system for the time.
//! Absent: time zones (everything is UTC) and timers.

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use std::{fmt, sync::Arc, time::Duration};

/// A point in time: microseconds since the Unix epoch, UTC. Stored as a whole number, the same on both databases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// The epoch; as a lease's end it means "free".
    pub const EPOCH: Self = Self(0);

    /// Reads an RFC 3339 time, unless its offset takes it out of the years that can be written that way.
    pub fn parse(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
        (0..=9_999).contains(&time.year()).then(|| Self(time.timestamp_micros()))
    }

    /// Later by this much; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Earlier by this much; stops at the beginning of time instead of wrapping.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` until this; zero when `earlier` is later, as clocks of two machines may have it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Micros {
    /// RFC 3339 in UTC with microseconds: `2026-11-21T11:46:00.000001Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::<Utc>::from_timestamp_micros(self.0).unwrap_or_default();
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// Where the time comes from; tests hand in their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Micros + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn system() -> Self {
        Self::from_fn(|| Micros(Utc::now().timestamp_micros()))
    }

    /// A clock that shows what the function says.
    pub fn from_fn(now: impl Fn() -> Micros + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    pub fn now(&self) -> Micros {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_as_rfc_3339_in_utc() {
        assert_eq!(Micros(1_795_261_560_000_001).to_string(), "2026-11-21T11:46:00.000001Z");
        assert_eq!(Micros::EPOCH.to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Micros::parse("2026-11-21T11:46:00.000001Z"), Some(Micros(1_795_261_560_000_001)));
        assert_eq!(Micros::parse("yesterday"), None);
    }

    #[test]
    fn a_time_that_could_not_be_written_again_is_not_read() {
        for edge in ["0000-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"] {
            assert_eq!(Micros::parse(edge).map(|time| time.to_string()).as_deref(), Some(edge));
        }
        for beyond in ["0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
            assert_eq!(Micros::parse(beyond), None, "{beyond}");
        }
    }

    #[test]
    fn spans_add_up_and_never_wrap() {
        let (start, second) = (Micros(5), Duration::from_secs(1));
        assert_eq!(start.plus(second), Micros(1_000_005));
        assert_eq!(start.plus(second).since(start), second);
        assert_eq!(start.since(start.plus(second)), Duration::ZERO);
        assert_eq!(Micros(i64::MAX).plus(second), Micros(i64::MAX));
        assert_eq!(Micros(i64::MIN).minus(second), Micros(i64::MIN));
    }
}
