//! Query strings and cursors: of lists, and of a socket that resumes.
//! Absent: what a cursor's key means to the list that gave it out.

use crate::{Verdict, problems};
use edge::{Code, PageQuery, open_cursor, page::MAX_LIMIT, seal_cursor};
use orders_svc::pushing::{OVERLAP, change};
use url::form_urlencoded::Serializer;

/// The lists, and the pushes.
const KINDS: [&str; 3] = ["orders", "transactions", "push"];

/// Any text as a query, as a cursor, and inside of a cursor whose checksum is right: whoever wants to can make those.
pub fn page(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    for kind in KINDS {
        let opened = open_cursor(kind, text);
        check_cursor(kind, text, opened.as_ref().ok().map(String::as_str));
        let sealed = seal_cursor(kind, text);
        assert_eq!(open_cursor(kind, &sealed).ok().as_deref(), Some(text));
        check_resume(&sealed);
    }
    check_resume(text);
    match PageQuery::parse(text) {
        Ok(page) => check_query(&page),
        Err(problem) => {
            problems::check(&problem, &[Code::InvalidLimit, Code::InvalidCursor, Code::InvalidStatus]);
            return Verdict::Refused;
        }
    }
    Verdict::Accepted
}

/// There is one cursor for each key, and another list does not open it.
fn check_cursor(kind: &'static str, text: &str, key: Option<&str>) {
    if let Some(key) = key {
        assert_eq!(seal_cursor(kind, key), text);
        let others = KINDS.into_iter().filter(|other| *other != kind);
        assert!(others.into_iter().all(|other| open_cursor(other, text).is_err()));
    }
}

/// A resume begins at some time, however far away, or is refused.
fn check_resume(cursor: &str) {
    match change::open(cursor) {
        Ok(after) => assert!(after.minus(OVERLAP) <= after),
        Err(problem) => problems::check(&problem, &[Code::InvalidCursor]),
    }
}

/// What was read can be written, and is read the same.
fn check_query(page: &PageQuery) {
    assert!((1..=MAX_LIMIT).contains(&page.limit), "{page:?}");
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &page.limit.to_string());
    for (name, value) in [("cursor", &page.cursor), ("status", &page.status)] {
        query.extend_pairs(value.iter().map(|value| (name, value)));
    }
    let query = query.finish();
    assert_eq!(PageQuery::parse(&query).ok().as_ref(), Some(page), "{query}");
}
