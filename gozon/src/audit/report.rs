//! What an audit found, as a table and as JSON. Absent: how it was found.

use super::Expectations;
use crate::table::{Side, Table, one_line};
use serde::Serialize;
use std::fmt;

/// Offenders named for each violated check; the number of violations counts them all.
pub(super) const EXAMPLES: u32 = 5;

/// The outcome of an audit.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whether no check was violated.
    pub in_order: bool,
    /// Violations of all checks together.
    pub violations: u64,
    /// Whether traffic had to have stopped.
    pub settled: bool,
    /// All that was checked.
    pub findings: Vec<Finding>,
    /// What is on its way and no violation.
    pub under_way: Vec<UnderWay>,
    /// The ledger's sums.
    pub money: Money,
}

/// One check and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// Its name; stable.
    pub check: &'static str,
    /// What must hold.
    pub law: &'static str,
    /// Rows that it is about.
    pub rows: u64,
    /// Rows that break it.
    pub violations: u64,
    /// The first of those.
    pub examples: Vec<String>,
}

/// Something that is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnderWay {
    /// What.
    pub what: &'static str,
    /// How much of it.
    pub count: u64,
}

/// The ledger's sums, as decimals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Money {
    /// All that users put in.
    pub topups: String,
    /// All that orders took.
    pub debits: String,
    /// All that orders gave back.
    pub refunds: String,
    /// All that is left on accounts.
    pub balances: String,
}

impl Finding {
    pub(super) const fn new(check: &'static str, law: &'static str) -> Self {
        Self { check, law, rows: 0, violations: 0, examples: Vec::new() }
    }

    /// Counts a violation unless the law was kept.
    pub(super) fn note(&mut self, kept: bool, offender: impl FnOnce() -> String) {
        if kept {
            return;
        }
        self.violations += 1;
        if self.violations <= u64::from(EXAMPLES) {
            self.examples.push(offender());
        }
    }
}

impl UnderWay {
    pub(super) const fn new(what: &'static str, count: u64) -> Self {
        Self { what, count }
    }
}

impl Report {
    pub(super) fn new(expectations: Expectations) -> Self {
        Self {
            in_order: true,
            violations: 0,
            settled: expectations.settled,
            findings: Vec::new(),
            under_way: Vec::new(),
            money: Money::default(),
        }
    }

    /// Adds up what was found.
    pub(super) fn concluded(mut self) -> Self {
        self.violations = self.findings.iter().map(|finding| finding.violations).sum();
        self.in_order = self.violations == 0;
        self
    }

    /// The checks that were violated.
    pub fn violated(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.violations > 0)
    }

    /// The report as one JSON document.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and whole numbers always serialise")
    }

    fn checks(&self) -> Table {
        let head =
            [("check", Side::Left), ("rows", Side::Right), ("violations", Side::Right), ("what holds", Side::Left)];
        let mut table = Table::new(head);
        for Finding { check, law, rows, violations, .. } in &self.findings {
            table.row([(*check).to_owned(), rows.to_string(), violations.to_string(), (*law).to_owned()]);
        }
        table
    }

    fn moving(&self) -> Table {
        let mut table = Table::new([("under way", Side::Left), ("count", Side::Right)]);
        for UnderWay { what, count } in &self.under_way {
            table.row([(*what).to_owned(), count.to_string()]);
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.checks(), self.moving())?;
        let Money { topups, debits, refunds, balances } = &self.money;
        writeln!(f, "money: {topups} topped up - {debits} paid + {refunds} refunded, {balances} on accounts\n")?;
        for Finding { check, violations, examples, .. } in self.violated() {
            let examples: Vec<_> = examples.iter().map(|example| one_line(example)).collect();
            let more = if usize::try_from(*violations).is_ok_and(|all| all > examples.len()) { ", …" } else { "" };
            writeln!(f, "violated: {check}: {}{more}", examples.join(", "))?;
        }
        if self.in_order {
            writeln!(f, "books: in order")
        } else {
            writeln!(f, "books: {} violations", self.violations)
        }
    }
}
