//! The coverage report: a line for each crate, one for all, and the floor under it.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    fs,
    ops::Range,
    path::{Component, Path},
};

use anyhow::{Context, Result, ensure};

use super::NOT_THE_PRODUCT;

/// In percent of lines. High enough that a capability cannot come without tests, low enough that nobody writes a test
/// for the sake of a number.
const COVERAGE_FLOOR: u64 = 85;
/// Directories and files with tests in them.
const TESTS: [&str; 3] = ["tests", "tests.rs", "benches"];

/// Counted lines, for each crate.
#[derive(Debug)]
pub struct Report {
    crates: BTreeMap<String, Lines>,
    is_whole: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lines {
    count: u64,
    covered: u64,
}

impl Report {
    /// Reads a report in lcov's format. With `packages` named, only they are counted, whatever they are.
    ///
    /// # Errors
    /// When it is not in that format, or a source file cannot be read.
    pub fn of(lcov: &str, packages: &[String]) -> Result<Report> {
        let mut report = Report { crates: BTreeMap::new(), is_whole: packages.is_empty() };
        for record in lcov.split("end_of_record").filter(|record| !record.trim().is_empty()) {
            let path = record.lines().find_map(|line| line.strip_prefix("SF:")).context("a report without a file")?;
            if let Some(name) = counted_for(Path::new(path), packages) {
                let source = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
                report.crates.entry(name).or_default().add(record, &tests_in(&source));
            }
        }
        Ok(report)
    }

    /// Prints the table and fails below the floor, which applies to the whole product only.
    ///
    /// # Errors
    /// When the tests run too few of the lines.
    pub fn judge(&self) -> Result<()> {
        println!("{self}");
        let Lines { count, covered } = self.total();
        let is_enough = covered * 100 >= COVERAGE_FLOOR * count;
        ensure!(
            is_enough || !self.is_whole,
            "coverage failed: the tests run less than {COVERAGE_FLOOR} % of the lines"
        );
        Ok(())
    }

    fn total(&self) -> Lines {
        self.crates.values().fold(Lines::default(), |sum, lines| Lines {
            count: sum.count + lines.count,
            covered: sum.covered + lines.covered,
        })
    }
}

impl Lines {
    /// Counts a file's lines (`DA:line,runs`), but for its tests.
    fn add(&mut self, record: &str, tests: &Range<usize>) {
        let lines = record.lines().filter_map(|line| line.strip_prefix("DA:")?.split_once(','));
        for (_, runs) in lines.filter(|(line, _)| line.parse().is_ok_and(|line| !tests.contains(&line))) {
            self.count += 1;
            self.covered += u64::from(runs != "0");
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (name, lines) in &self.crates {
            writeln!(f, "{name:<16} {:>6} lines {:>8}", lines.count, lines.to_string())?;
        }
        let rule = if self.is_whole { format!("floor {COVERAGE_FLOOR} %") } else { "a part, no floor".to_owned() };
        write!(f, "coverage: {} of lines ({rule})", self.total())
    }
}

/// Percent with one digit, rounded down so that nothing looks better than it is.
impl Display for Lines {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let per_mille = (self.covered * 1000).checked_div(self.count).unwrap_or_default();
        write!(f, "{}.{} %", per_mille / 10, per_mille % 10)
    }
}

/// The crate, which in this workspace is the first directory of the path; none when the file is not to be counted.
fn counted_for(path: &Path, packages: &[String]) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let path = path.strip_prefix(root).ok()?;
    let mut names = path.components().map(Component::as_os_str);
    let name = names.next()?.to_str()?.to_owned();
    let is_test = names.any(|part| TESTS.iter().any(|test| part == *test));
    let is_wanted = match packages {
        [] => !NOT_THE_PRODUCT.contains(&name.as_str()),
        packages => packages.contains(&name),
    };
    (is_wanted && !is_test).then_some(name)
}

/// The lines of the module in which a file, by custom at its end, keeps its own tests. They all run, so counting them
/// would only flatter the rest.
fn tests_in(source: &str) -> Range<usize> {
    let lines: Vec<&str> = source.lines().collect();
    let opening = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && is_module(pair[1]));
    opening.map_or(0..0, |start| {
        let length = lines[start..].iter().position(|line| *line == "}").unwrap_or(lines.len());
        start + 1..start + length + 2
    })
}

fn is_module(line: &str) -> bool {
    line.starts_with("mod ") && line.ends_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report on this very file, which is in a crate that is not the product.
    fn lcov(lines: &str) -> String {
        format!("SF:{}\n{lines}end_of_record\n", Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs").display())
    }

    fn report(count: u64, covered: u64, is_whole: bool) -> Report {
        Report { crates: BTreeMap::from([("saga".to_owned(), Lines { count, covered })]), is_whole }
    }

    #[test]
    fn one_line_below_the_floor_fails() {
        report(1000, 850, true).judge().unwrap();
        assert!(report(1000, 849, true).judge().is_err());
        report(1000, 849, false).judge().unwrap();
        assert!(report(1000, 849, true).to_string().ends_with("coverage: 84.9 % of lines (floor 85 %)"));
    }

    #[test]
    fn only_the_product_is_counted_unless_a_package_is_named() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let counted = |path: &str| counted_for(&root.join(path), &[]);
        assert_eq!(counted("orders-svc/src/lib.rs").unwrap(), "orders-svc");
        for other in
            ["saga/src/money/tests.rs", "saga/tests/it.rs", "e2e/src/lib.rs", "xtask/src/main.rs", "/elsewhere.rs"]
        {
            assert_eq!(counted(other), None, "{other}");
        }
        assert_eq!(counted_for(&root.join("xtask/src/main.rs"), &["xtask".to_owned()]).unwrap(), "xtask");
    }

    #[test]
    fn lines_are_counted_once_each_and_a_line_that_ran_is_covered() {
        let text = lcov("FN:3,main\nDA:3,12\nDA:4,0\nLF:2\nLH:1\n");
        assert_eq!(Report::of(&text, &["xtask".to_owned()]).unwrap().total(), Lines { count: 2, covered: 1 });
        assert_eq!(Report::of(&text, &[]).unwrap().total(), Lines::default());
        assert!(Report::of("{}", &[]).is_err());
    }

    #[test]
    fn the_tests_in_a_file_are_not_counted() {
        let source = "fn a() {}\n#[cfg(test)]\nfn b() {\n}\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\nfn d() {}\n";
        assert_eq!(tests_in(source), 5..9);
        assert_eq!(tests_in("#[cfg(test)]\nmod tests;\nfn a() {\n}\n"), 0..0);
        let mut lines = Lines::default();
        lines.add("DA:1,1\nDA:8,7\nDA:9,0\n", &tests_in(source));
        assert_eq!(lines, Lines { count: 2, covered: 1 });
    }
}
