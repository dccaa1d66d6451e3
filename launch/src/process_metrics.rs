//! What the process itself costs: memory and open files, read when somebody asks for the metrics.
//! Absent: CPU time, which whatever runs the process measures better; and everything where there is no `/proc`.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use std::{fmt, fs};
use store::Clock;

/// Registers the metrics, named as Prometheus' own client libraries name them.
pub fn register(registry: &mut Registry) {
    registry.register_collector(Box::new(Process { started: Clock::system().now().0 / 1_000_000 }));
}

#[derive(Debug)]
struct Process {
    /// Seconds since the Unix epoch.
    started: i64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name, help, unit: Option<&Unit>, value: Option<i64>| match value {
            Some(value) => {
                let metric = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
                ConstGauge::new(value).encode(metric)
            }
            None => Ok(()),
        };
        gauge("process_start_time", "When the process started", Some(&Unit::Seconds), Some(self.started))?;
        gauge("process_resident_memory", "Memory in use", Some(&Unit::Bytes), resident_bytes())?;
        gauge("process_open_fds", "Open files and connections", None, open_files())?;
        gauge("process_max_fds", "Files and connections that may be open", None, most_files())
    }
}

fn resident_bytes() -> Option<i64> {
    Some(1024 * after(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")?)
}

fn open_files() -> Option<i64> {
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

/// `None` when there is no limit.
fn most_files() -> Option<i64> {
    after(&fs::read_to_string("/proc/self/limits").ok()?, "Max open files")
}

/// The number that follows the words at the beginning of a line.
fn after(text: &str, words: &str) -> Option<i64> {
    text.lines().find_map(|line| line.strip_prefix(words)?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text::encode;

    #[test]
    fn the_page_says_what_this_process_has() {
        let (mut registry, mut page) = (Registry::default(), String::new());
        register(&mut registry);
        encode(&mut page, &registry).expect("a String takes everything");
        let value = |name| after(&page, name).unwrap_or_else(|| panic!("{name} is missing:\n{page}"));
        assert!(value("process_resident_memory_bytes ") > 1_000_000, "{page}");
        assert!((3..=value("process_max_fds ")).contains(&value("process_open_fds ")), "{page}");
        assert!(value("process_start_time_seconds ") > 1_700_000_000, "{page}");
    }

    #[test]
    fn no_limit_is_no_number() {
        assert_eq!(after("Max open files            1024   4096   files", "Max open files"), Some(1024));
        assert_eq!(after("Max open files            unlimited   unlimited", "Max open files"), None);
    }
}
