//! Saying that a test was not run because the machine lacks something. Absent: failing for it; `cargo xtask test` counts these lines.

use std::io::{Result, Write, stderr};

/// What the line begins with.
pub const NOT_RUN: &str = "NOT RUN: ";

/// Says why, on standard error.
pub(crate) fn not_run(why: &str) -> Result<()> {
    // Not by a macro: the test harness would keep that to itself. In one piece: others write there, too.
    stderr().write_all(format!("{NOT_RUN}{why}\n").as_bytes())
}
