//! The names of the figures, and the few sums that make them of counts and times. Absent: how they are shown (report).
#![expect(clippy::float_arithmetic, reason = "figures are rounded when they are shown; no money is counted here")]

use crate::rounds::Figures;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Orders that became final, a second.
pub const FINAL_PER_S: &str = "final_per_s";

/// The names of the figures of one kind of latency: p50, p99, p99.9.
pub type Quantiles = [&'static str; 3];

/// From POST to the end, as the client learns of it.
pub const FINAL: Quantiles = ["final_p50_ms", "final_p99_ms", "final_p999_ms"];
/// From POST to its answer.
pub const POST: Quantiles = ["post_p50_ms", "post_p99_ms", "post_p999_ms"];
/// From the commit that made it final to the socket.
pub const PUSH: Quantiles = ["push_p50_ms", "push_p99_ms", "push_p999_ms"];
/// A page of a list.
pub const PAGE: Quantiles = ["page_p50_ms", "page_p99_ms", "page_p999_ms"];

/// Adds the quantiles of latencies in microseconds.
pub fn latencies(figures: Figures, names: Quantiles, latency: &Histogram<u64>) -> Figures {
    let quantiles = names.into_iter().zip([0.5, 0.99, 0.999]);
    quantiles.fold(figures, |figures, (name, quantile)| figures.with(name, millis(latency.value_at_quantile(quantile))))
}

/// The middle one; of an even number the mean of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// So many in so long, as a number a second.
pub fn rate(number: u64, time: Duration) -> f64 {
    number as f64 / time.as_secs_f64()
}

/// The time between two of so many a second.
pub fn interval(per_second: f64) -> Duration {
    Duration::from_secs_f64(1.0 / per_second)
}

/// So many times as much.
pub fn times(figure: f64, factor: f64) -> f64 {
    figure * factor
}

/// A number of things.
pub fn count(number: i64) -> f64 {
    number as f64
}

/// Half of it.
pub fn half(figure: f64) -> f64 {
    figure / 2.0
}

/// The share that some have of these and the others together.
pub fn share(some: u64, others: u64) -> f64 {
    some as f64 / (some + others) as f64
}

/// Microseconds as milliseconds.
pub fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// Microseconds as seconds.
pub fn seconds(micros: i64) -> f64 {
    micros as f64 / 1_000_000.0
}

/// Bytes as MiB.
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// KiB that each of so many things has of these bytes.
pub fn kib_each(bytes: u64, things: usize) -> f64 {
    bytes as f64 / 1_024.0 / things as f64
}

/// One figure in units of another.
pub fn ratio(figure: f64, unit: f64) -> f64 {
    figure / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_care_for_one_bad_round() {
        assert!((median(&[3.0, 1.0, 900.0]) - 3.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 2.0]) - 3.0).abs() < f64::EPSILON);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn units_are_what_they_say() {
        assert!((rate(50, Duration::from_millis(500)) - 100.0).abs() < f64::EPSILON);
        assert!((share(1, 3) - 0.25).abs() < f64::EPSILON);
        assert!((millis(1_500) - 1.5).abs() < f64::EPSILON);
        assert!((mebibytes(3 << 20) - 3.0).abs() < f64::EPSILON);
    }
}
