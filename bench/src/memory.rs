//! How much memory a process of the shop has, as the system counts it. Absent: what it is used for.

use anyhow::{Context, Result};
use e2e::Process;
use std::fs;

/// Resident bytes.
///
/// # Errors
/// When the process is gone.
pub fn resident(process: &Process) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()?))?;
    kibibytes(&status).map(|kibibytes| kibibytes * 1024).context("the system does not say how much memory it has")
}

fn kibibytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_the_status() {
        assert_eq!(kibibytes("VmHWM:\t  9 kB\nVmRSS:\t   51234 kB\n"), Some(51_234));
        assert_eq!(kibibytes(""), None);
    }
}
