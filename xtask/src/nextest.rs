//! cargo-nextest runs the tests, each in a process of its own; here it is called, and what it noted of them is read.
//! Absent: which tests run side by side and how long one may take; `.config/nextest.toml` says that.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use quick_junit::{Report, TestCase};
use testbed::NOT_RUN;

use crate::{steps::human, tools, workspace::Workspace};

/// How many of the slowest tests are named at the end.
const SLOWEST: usize = 10;

/// A profile of `.config/nextest.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// All tests, and of what is exhaustive a sample.
    Test,
    /// What is only a sample in `Test`, as a whole.
    Prove,
    /// What the coverage is measured by.
    Coverage,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Test => "default",
            Self::Prove => "prove",
            Self::Coverage => "coverage",
        }
    }
}

/// What nextest noted of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Noted {
    name: String,
    time: Duration,
    /// The lines in which it says that the machine does not let it run.
    not_run: Vec<String>,
}

/// `cargo nextest run` with this profile, to be given packages, features and filters.
pub fn command(workspace: &Workspace, profile: Profile) -> Command {
    let mut nextest = workspace.command(&tools::program(workspace, "cargo-nextest"));
    nextest.args(["nextest", "run", "--locked", "--all-targets", "--profile", profile.name()]);
    nextest
}

/// Runs it to its end, then names the slowest tests and those that the machine does not let run.
///
/// # Errors
/// When it cannot be started, a test failed, or it left no notes.
pub fn run(nextest: &mut Command, target: &Path, profile: Profile) -> Result<()> {
    let notes = target.join("nextest").join(profile.name()).join("junit.xml");
    // Notes of an earlier run must not be taken for this one's.
    drop(fs::remove_file(&notes));
    let status = nextest.status().context("cannot run cargo-nextest")?;
    let noted = if notes.exists() { read(&notes)? } else { Vec::new() };
    tell(&noted);
    ensure!(status.success(), "cargo-nextest ended with {status}");
    ensure!(!noted.is_empty(), "cargo-nextest left nothing in {}", notes.display());
    Ok(())
}

fn read(notes: &PathBuf) -> Result<Vec<Noted>> {
    let text = fs::read_to_string(notes).with_context(|| format!("cannot read {}", notes.display()))?;
    noted(&text).with_context(|| format!("{} is no JUnit report", notes.display()))
}

fn noted(junit: &str) -> Result<Vec<Noted>> {
    let report = Report::deserialize_from_str(junit)?;
    let suites = report.test_suites.iter();
    Ok(suites.flat_map(|suite| suite.test_cases.iter().map(|case| of(suite.name.as_str(), case))).collect())
}

fn of(suite: &str, case: &TestCase) -> Noted {
    let printed = [&case.system_out, &case.system_err].into_iter().flatten();
    let lines = printed.flat_map(|text| text.as_str().lines());
    Noted {
        name: format!("{suite} {}", case.name.as_str()),
        time: case.time.unwrap_or_default(),
        not_run: lines.filter(|line| line.starts_with(NOT_RUN)).map(str::to_owned).collect(),
    }
}

fn tell(noted: &[Noted]) {
    let not_run: Vec<_> = noted.iter().flat_map(|one| &one.not_run).collect();
    println!("tests that this machine does not let run: {}", not_run.len());
    not_run.iter().for_each(|line| println!("{line}"));
    println!("the slowest of {} tests:", noted.len());
    for one in slowest(noted) {
        println!("{:>12}  {}", human(one.time), one.name);
    }
}

fn slowest(noted: &[Noted]) -> Vec<&Noted> {
    let mut all: Vec<_> = noted.iter().collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.time));
    all.truncate(SLOWEST);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUNIT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="0" errors="0" time="2.5">
    <testsuite name="e2e::it" tests="2" disabled="0" errors="0" failures="0">
        <testcase name="disks::full" classname="e2e::it" timestamp="2026-12-01T01:00:00.000+00:00" time="0.250">
            <system-out>running 1 test</system-out>
            <system-err>NOT RUN: it needs a volume
NOT RUNNING</system-err>
        </testcase>
        <testcase name="page" classname="e2e::it" timestamp="2026-12-01T01:00:00.000+00:00" time="61.500"/>
    </testsuite>
    <testsuite name="saga" tests="1" disabled="0" errors="0" failures="0">
        <testcase name="order" classname="saga" timestamp="2026-12-01T01:00:00.000+00:00" time="0.001"/>
    </testsuite>
</testsuites>"#;

    #[test]
    fn tests_are_read_with_their_times_and_with_what_the_machine_does_not_let_run() {
        let noted = noted(JUNIT).unwrap();
        let names: Vec<_> = slowest(&noted).into_iter().map(|one| (one.name.as_str(), one.time.as_millis())).collect();
        assert_eq!(names, [("e2e::it page", 61_500), ("e2e::it disks::full", 250), ("saga order", 1)]);
        assert_eq!(noted[0].not_run, ["NOT RUN: it needs a volume"]);
        assert!(super::noted("no XML").is_err());
    }

    /// The parentheses and what is between them, behind this text.
    fn group<'a>(config: &'a str, behind: &str) -> &'a str {
        let rest = config.split_once(behind).unwrap().1;
        rest.split_once("\n)\n").unwrap().0
    }

    #[test]
    fn what_test_leaves_out_prove_runs() {
        let config = include_str!("../../.config/nextest.toml");
        let left_out = group(config, "[profile.default]\ndefault-filter = \"\"\"\nnot (\n");
        assert_eq!(left_out, group(config, "[profile.prove]\ndefault-filter = \"\"\"\n(\n"));
        assert!(left_out.lines().count() > 5, "{left_out}");
    }

    #[test]
    fn of_many_tests_the_ten_slowest_are_named() {
        let one = |time| Noted { name: String::new(), time: Duration::from_secs(time), not_run: Vec::new() };
        let many: Vec<_> = (0..50).map(one).collect();
        let times: Vec<_> = slowest(&many).into_iter().map(|one| one.time.as_secs()).collect();
        assert_eq!(times, (40..50).rev().collect::<Vec<_>>());
    }
}
