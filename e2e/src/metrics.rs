//! Reading one number out of a page of metrics.
//! Absent: histograms.

/// The sum of all series of this name that have the label, written as `actor="ledger"`; every series has the empty one.
pub(crate) fn sum(page: &str, name: &str, label: &str) -> u64 {
    page.lines().filter_map(|line| series(line, name, label)).sum()
}

fn series(line: &str, name: &str, label: &str) -> Option<u64> {
    let rest = line.strip_prefix(name)?;
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_once("} ")?,
        None => ("", rest.strip_prefix(' ')?),
    };
    let has = label.is_empty() || labels.split(',').any(|one| one == label);
    has.then(|| value.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_series_of_the_whole_name_with_the_label_are_added() {
        let page = "# TYPE a counter\na_total{actor=\"x\"} 1\na_total{b=\"1\",actor=\"x\"} 2\na_total{actor=\"y\"} 4\n\
                    a_total_more{actor=\"x\"} 8\nplain 16\n# EOF\n";
        assert_eq!(sum(page, "a_total", "actor=\"x\""), 3);
        assert_eq!(sum(page, "a_total", ""), 7);
        assert_eq!(sum(page, "plain", ""), 16);
        assert_eq!(sum(page, "missing", ""), 0);
    }
}
