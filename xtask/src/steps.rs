//! One step of a chore: a line before it, a line with its time after it, its name in the error if it fails.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// The steps that are over, with their times, for the summary.
static TIMES: Mutex<Vec<(String, Duration)>> = Mutex::new(Vec::new());

/// Does `work` as a step of the chore.
///
/// # Errors
/// That of `work`, under the step's name.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {name}");
    let begun = Instant::now();
    let outcome = work().with_context(|| format!("{name} failed"));
    let verdict = if outcome.is_ok() { "done" } else { "FAILED" };
    let time = begun.elapsed();
    println!("<== {name}: {verdict} after {}", human(time));
    TIMES.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), time));
    outcome
}

/// Prints the time of each step so far, in the order in which they ended. Some run side by side.
pub fn summary() {
    println!("the steps:");
    for (name, time) in TIMES.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        println!("{:>12}  {name}", human(*time));
    }
}

/// Runs a program to its end; its output goes where ours goes.
///
/// # Errors
/// When it cannot be started or says that it failed.
pub fn succeed(command: &mut Command) -> Result<()> {
    let program = name(command);
    let status = command.status().with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}

/// Runs a program to its end and returns what it prints.
///
/// # Errors
/// When it cannot be started, says that it failed, or prints something that is not text.
pub fn output(command: &mut Command) -> Result<String> {
    let program = name(command);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "{program} ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A time as people say it.
pub fn human(time: Duration) -> String {
    let (minutes, seconds) = (time.as_secs() / 60, time.as_secs() % 60);
    if minutes > 0 {
        format!("{minutes} min {seconds} s")
    } else {
        format!("{seconds}.{} s", time.subsec_millis() / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!(human(Duration::from_millis(4_260)), "4.2 s");
        assert_eq!(human(Duration::from_secs(754)), "12 min 34 s");
    }

    #[test]
    fn a_failed_step_is_named() {
        let failed = step("the step", || succeed(Command::new("sh").args(["-c", "exit 3"])));
        assert_eq!(format!("{:#}", failed.unwrap_err()), "the step failed: sh ended with exit status: 3");
    }
}
