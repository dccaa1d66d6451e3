//! Lists: the query's strict reading, cursors of other lists, the link to the next page.
//! Absent: pages of anything.

use crate::harness::{Server, problem};
use edge::{
    Code::{InvalidCursor, InvalidLimit, InvalidStatus},
    seal_cursor,
};
use reqwest::Response;
use serde_json::{Value, json};

async fn list(server: &Server, query: &str) -> Response {
    server.ask("GET", &format!("/orders{query}")).send().await.expect("an answer")
}

#[tokio::test]
async fn a_limit_is_a_number_from_1_to_100_and_50_by_default() {
    let server = Server::start().await;
    for (query, limit) in
        [("", 50), ("?", 50), ("?limit=1", 1), ("?limit=100", 100), ("?limit=%32", 2), ("?x=1&x=2", 50)]
    {
        let body: Value = list(&server, query).await.json().await.expect("JSON");
        assert_eq!(body["limit"], limit, "{query}");
    }
    let bad = ["0", "101", "-1", "%2B5", "1.0", "1e1", "abc", "", "%20", "4294967297", "٣", "5&limit=5", "5&%6cimit=5"];
    for limit in bad {
        problem(list(&server, &format!("?limit={limit}")).await, InvalidLimit).await;
    }
}

#[tokio::test]
async fn a_status_is_handed_on_as_it_is_but_only_one() {
    let server = Server::start().await;
    let body: Value = list(&server, "?status=N%45W").await.json().await.expect("JSON");
    assert_eq!(body["status"], "NEW");
    problem(list(&server, "?status=NEW&status=NEW").await, InvalidStatus).await;
}

#[tokio::test]
async fn a_cursor_opens_the_list_that_gave_it_out_and_no_other() {
    let server = Server::start().await;
    let cursor = seal_cursor("orders", "2026/ü");
    let body: Value = list(&server, &format!("?cursor={cursor}")).await.json().await.expect("JSON");
    assert_eq!(body["after"], "2026/ü");
    let of_another = seal_cursor("transactions", "2026/ü");
    for bad in
        ["", "1", "%00", "abc=", &of_another, &cursor[1..], &format!("{cursor}A"), &format!("{cursor}&cursor={cursor}")]
    {
        problem(list(&server, &format!("?cursor={bad}")).await, InvalidCursor).await;
    }
}

#[tokio::test]
async fn the_link_to_the_next_page_keeps_the_other_parameters() {
    let server = Server::start().await;
    let next = seal_cursor("orders", "2026/ü");
    let cases = [
        ("".to_owned(), format!("</orders?cursor={next}>; rel=\"next\"")),
        (
            format!("?limit=2&cursor={}&status=NEW&q=a%26b%3E%22", seal_cursor("orders", "1")),
            format!("</orders?limit=2&status=NEW&q=a%26b%3E%22&cursor={next}>; rel=\"next\""),
        ),
    ];
    for (query, link) in cases {
        let answer = list(&server, &query).await;
        assert_eq!(answer.headers()["link"].to_str().ok(), Some(link.as_str()));
    }
    let followed: Value = list(&server, &format!("?cursor={next}")).await.json().await.expect("JSON");
    assert_eq!(followed["after"], json!("2026/ü"));
}
