//! What failed and what was not run, told once more at the end: between a test and the end of a run stand thousands of lines of others.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use testbed::NOT_RUN;

/// The most lines told again: so few that the end of a log, which is what people look at, holds all of them.
const MOST: usize = 150;

/// Runs cargo's tests; their output goes where ours goes, and what they say of failures, and of what the machine does not let them do, comes
/// again behind it.
///
/// # Errors
/// When cargo cannot be started or a test failed.
pub fn succeed(cargo: &mut Command) -> Result<()> {
    let mut running = cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("cannot run cargo")?;
    let output = running.stdout.take().context("cargo has no output")?;
    let errors = running.stderr.take().context("cargo has no errors")?;
    let errors = thread::spawn(|| not_run(BufReader::new(errors), io::stderr()));
    let again = pass_on(BufReader::new(output), io::stdout().lock());
    let status = running.wait()?;
    let (again, not_run) = (again?, errors.join().map_err(|_| anyhow!("reading cargo's errors panicked"))??);
    println!("tests that this machine does not let run: {}", not_run.len());
    not_run.iter().for_each(|line| print!("{line}"));
    if !status.success() {
        println!("failed tests, once more:\n{again}");
    }
    ensure!(status.success(), "cargo ended with {status}");
    Ok(())
}

/// Passes everything on and returns the parts between `failures:` and the line that sums the program up, without backtraces.
fn pass_on(mut from: impl BufRead, mut to: impl Write) -> io::Result<String> {
    let (mut again, mut failing, mut line) = (Vec::new(), false, Vec::new());
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        let text = String::from_utf8_lossy(&line);
        failing |= text == "failures:\n";
        if failing && !is_frame(&text) {
            again.push(text.into_owned());
        }
        failing &= !line.starts_with(b"test result:");
        line.clear();
    }
    let left_out = again.len().saturating_sub(MOST);
    Ok(again.split_off(left_out).concat())
}

/// Passes everything on and returns the lines that say that something was not run.
fn not_run(mut from: impl BufRead, mut to: impl Write) -> io::Result<Vec<String>> {
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        let text = String::from_utf8_lossy(&line);
        if text.starts_with(NOT_RUN) {
            lines.push(text.into_owned());
        }
        line.clear();
    }
    Ok(lines)
}

/// Whether the line is one of a backtrace: `  12: function`, or the place below it.
fn is_frame(line: &str) -> bool {
    let number = line.trim_start().split_once(": ").map_or("", |(number, _)| number);
    line.starts_with("             at ") || (line.starts_with(' ') && number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 2 tests
test one ... ok
test two ... FAILED

failures:

---- two stdout ----
thread 'two' panicked at src/lib.rs:7:9:
assertion failed: false
stack backtrace:
   0: core::panicking::panic
             at /rustc/library/core/src/panicking.rs:149:5

failures:
    two

test result: FAILED. 1 passed; 1 failed
running 1 test
test three ... ok
test result: ok. 1 passed; 0 failed
";

    #[test]
    fn everything_is_passed_on_and_failures_come_again_without_backtraces() {
        let mut passed = Vec::new();
        let again = pass_on(OUTPUT.as_bytes(), &mut passed).unwrap();
        assert_eq!(String::from_utf8(passed).unwrap(), OUTPUT);
        assert!(
            again.starts_with("failures:\n\n---- two stdout ----\n") && again.contains("assertion failed: false\n")
        );
        assert!(again.ends_with("    two\n\ntest result: FAILED. 1 passed; 1 failed\n"));
        assert!(!again.contains("panicking") && !again.contains("three"), "{again}");
    }

    #[test]
    fn what_was_not_run_comes_again_and_nothing_else() {
        let (errors, mut passed) = ("   Compiling x\nNOT RUN: it needs a volume\nNOT RUNNING\n", Vec::new());
        assert_eq!(not_run(errors.as_bytes(), &mut passed).unwrap(), ["NOT RUN: it needs a volume\n"]);
        assert_eq!(String::from_utf8(passed).unwrap(), errors);
    }

    #[test]
    fn of_many_the_last_are_told() {
        let many: String = (0..1_000).map(|line| format!("line {line}\n")).collect();
        let again = pass_on(format!("failures:\n{many}").as_bytes(), io::sink()).unwrap();
        assert_eq!(again.lines().count(), MOST);
        assert!(again.ends_with("line 999\n"));
    }
}
