//! The log: human or JSON lines on standard error. Absent: what is logged, and exporters.

use crate::options::{LogFormat, ShopOptions};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt};

/// Starts logging. A second start in one process, as tests do it, changes nothing.
///
/// # Errors
/// [`ParseError`] when the filter cannot be read.
pub fn start(options: &ShopOptions) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(&options.log)?;
    let log = fmt().with_env_filter(filter).with_writer(stderr);
    // An error says that there is a log already.
    let started = match options.log_format {
        LogFormat::Human => log.with_ansi(stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    drop(started);
    Ok(())
}
