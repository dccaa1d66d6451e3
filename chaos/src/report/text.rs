//! The report as text. Absent: colours, and anything that the JSON does not have.

use super::Report;
use std::fmt;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wishes(f)?;
        self.faults(f)?;
        self.dead(f)?;
        self.wrong(f)?;
        let verdict = if self.in_order { "nothing lost, nothing doubled, nothing unexpected" } else { "NOT in order" };
        writeln!(f, "\n{}: {verdict}", self.plan.title())
    }
}

const COLUMNS: [&str; 10] = [
    "attempted",
    "requests",
    "acknowledged",
    "ok",
    "lost",
    "duplicated",
    "recovered",
    "refused",
    "unknown",
    "unexpected",
];

impl Report {
    fn wishes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<8}  {}", "", COLUMNS.join("  "))?;
        for (name, sums) in &self.wishes {
            let cells = [
                sums.attempted,
                sums.requests,
                sums.acknowledged,
                sums.ok,
                sums.lost,
                sums.duplicated,
                sums.recovered,
                sums.refused,
                sums.unknown,
                sums.unexpected,
            ];
            let cells = cells.iter().zip(COLUMNS).map(|(cell, column)| format!("{cell:>width$}", width = column.len()));
            writeln!(f, "{name:<8}  {}", cells.collect::<Vec<_>>().join("  "))?;
        }
        writeln!(
            f,
            "recovered: granted after an attempt without an answer or with 5xx; unknown: never answered, either is right"
        )?;
        let outcomes: Vec<_> = self.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        writeln!(f, "orders in the end: {}", outcomes.join(", "))?;
        writeln!(f, "pushes: {} heard by {} clients, who resumed {} times", self.pushes, self.watchers, self.resumed)
    }

    fn faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nfaults, and the longest time to recover")?;
        for (kind, count) in &self.faults {
            let worst = self.recovery.worst_ms.get(kind).map(|worst| format!("{worst} ms")).unwrap_or_default();
            writeln!(f, "{count:>5}  {kind:<36} {worst:>10}")?;
        }
        self.skipped
            .iter()
            .try_for_each(|skipped| writeln!(f, "not possible at that moment: {}", skipped.trim_start()))?;
        if self.too_late > 0 {
            writeln!(
                f,
                "{} faults of the plan had no time: those before them took longer than planned",
                self.too_late
            )?;
        }
        if !self.not_in_this_run.is_empty() {
            writeln!(f, "not in this run: {}", self.not_in_this_run.join(", "))?;
        }
        let millis = |time: Option<u64>| time.map_or("none".to_owned(), |time| format!("{time} ms"));
        let recovery = &self.recovery;
        let (p50, p99) = (millis(recovery.p50_ms), millis(recovery.p99_ms));
        writeln!(f, "time to recover of {} faults that interrupt something: p50 {p50}, p99 {p99}", recovery.faults)?;
        writeln!(
            f,
            "(from the end of a fault, and of those in force then, until a client sees an order final that was placed after it)"
        )?;
        writeln!(f, "settled {} s after everything was healed", self.drained_s)
    }

    fn dead(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dead = &self.dead;
        writeln!(
            f,
            "\npoison: {} confirmed, {} unconfirmed; {} found dead-lettered ({} of them twice or more, {} sorts), {} lost with an \
             emptied broker, {} missing; other dead letters: {}; parked in the databases: {}",
            dead.injected,
            dead.unconfirmed,
            dead.found,
            dead.again,
            dead.sorts.len(),
            dead.lost_with_broker,
            dead.missing.len(),
            dead.unexplained.len(),
            if self.audit.in_order { "none" } else { "see the audit" },
        )?;
        let books = if self.audit.in_order { "in order and settled" } else { "NOT in order" };
        writeln!(f, "books: {books}")
    }

    fn wrong(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.in_order {
            return Ok(());
        }
        writeln!(f, "\n{}\n{}", self.plan, self.audit.shown)?;
        self.complaints.iter().try_for_each(|complaint| writeln!(f, "complaint: {complaint}"))?;
        self.recovery
            .never
            .iter()
            .try_for_each(|fault| writeln!(f, "no order was final after {}", fault.trim_start()))?;
        self.dead.missing.iter().try_for_each(|missing| writeln!(f, "poison that is nowhere: {missing}"))?;
        self.dead
            .unexplained
            .iter()
            .try_for_each(|letter| writeln!(f, "dead letter that is none of ours: {letter}"))?;
        for (number, finding) in self.findings.iter().enumerate() {
            let about: Vec<_> = [&finding.order, &finding.key].into_iter().flatten().map(String::as_str).collect();
            writeln!(f, "{:?}: {} {}: {}", finding.law, finding.user, about.join(" "), finding.what)?;
            let history = self.histories.get(number).into_iter().flatten();
            history.into_iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        }
        self.logs.iter().try_for_each(|logs| writeln!(f, "logs: {}", logs.display()))
    }
}
