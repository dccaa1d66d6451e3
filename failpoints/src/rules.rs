//! The rules that a test may break, to see that somebody notices.
//! Absent: what breaking one does; that stands next to the rule, where it is broken.

/// All of them. Armed by the name, such as `fail::cfg("rule::confirm", "return")`.
#[cfg(feature = "failpoints")]
pub const RULES: [&str; 13] = [
    "rule::acknowledge-after-commit",
    "rule::answer-in-transaction",
    "rule::chain",
    "rule::confirm",
    "rule::fence",
    "rule::final",
    "rule::idempotency-key",
    "rule::inbox",
    "rule::outbox-in-transaction",
    "rule::redelivery",
    "rule::refund-once",
    "rule::sweep",
    "rule::version",
];

/// Whether a test has broken this rule.
#[cfg(feature = "failpoints")]
pub fn broken(rule: &'static str) -> bool {
    fail::fail_point!(rule, |_| true);
    false
}

/// Whether a test has broken this rule: never, in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn broken(_: &'static str) -> bool {
    false
}

#[cfg(feature = "failpoints")]
#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(fs::read_to_string(path).unwrap());
            }
        }
    }

    /// The rules that the workspace's sources ask about.
    fn asked_about() -> BTreeSet<String> {
        let mut texts = Vec::new();
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap() {
            let folder = entry.unwrap().path().join("src");
            if folder.is_dir() {
                sources(&folder, &mut texts);
            }
        }
        let rules = |text: &String| {
            let asked = text.split("failpoints::broken(\"").skip(1);
            asked.filter_map(|rest| rest.split_once('"')).map(|(rule, _)| rule.to_owned()).collect::<Vec<_>>()
        };
        texts.iter().flat_map(rules).collect()
    }

    #[test]
    fn the_rules_of_the_list_are_those_that_the_sources_ask_about() {
        assert_eq!(asked_about(), RULES.map(str::to_owned).into());
    }

    #[test]
    fn a_rule_is_broken_while_it_is_armed_and_no_longer() {
        const RULE: &str = "rule::of this test";
        assert!(!broken(RULE));
        fail::cfg(RULE, "return").unwrap();
        assert!(broken(RULE));
        fail::remove(RULE);
        assert!(!broken(RULE));
    }
}
