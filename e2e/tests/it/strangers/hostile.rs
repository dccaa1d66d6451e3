//! Bytes that mean no good, over real sockets to a whole shop: each is refused in the contract's words or the connection ends, and the
//! shop goes on. Absent: what the edge's own tests (edge/tests) send to a server without a shop; bad amounts, keys and ids among it.

use anyhow::Context;
use e2e::{LIMIT, Result, Shop};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Heads and bodies of one `POST /orders` that are not what they seem: what stands behind `Host` and `X-User-Id`, and the body.
/// With each comes the status that refuses it.
const SMUGGLED: [(&str, &str, u16); 9] = [
    ("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nGET /x HTTP/1.1\r\n\r\n", 400),
    ("Transfer-Encoding: chunked\r\nContent-Length: 4", "5\r\n{}{}{\r\n0\r\n\r\n", 400),
    ("Content-Length: 2\r\nContent-Length: 14", "{}GET / HTTP/1.1", 400),
    ("Content-Length: +2", "{}", 400),
    ("Content-Length: -1", "{}", 400),
    ("Content-Length: 2, 2", "{}", 400),
    ("Transfer-Encoding: gzip, chunked, identity", "0\r\n\r\n", 400),
    ("X-Folded: one\r\n two\r\nContent-Length: 2", "{}", 400),
    ("Content-Length : 2", "{}", 400),
];

/// All that comes back until the server closes the connection.
pub async fn tell(address: SocketAddr, bytes: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    // A server that has refused already need not read the rest.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    let read = timeout(LIMIT, stream.read_to_end(&mut answer)).await.context("the connection is not let go")?;
    // A reset is an end as well, after whatever was answered.
    drop(read);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Fails unless this is one answer, a problem with this status.
pub fn check_refusal(answer: &str, status: u16, what: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: more than one request was seen: {answer}");
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    assert_eq!(problem["status"], status, "{what}: {answer}");
}

fn order(headers: &str, body: &str) -> Vec<u8> {
    let head = "POST /orders HTTP/1.1\r\nHost: x\r\nX-User-Id: eve\r\nContent-Type: application/json";
    format!("{head}\r\n{headers}\r\n\r\n{body}").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_hidden_in_another_is_never_seen() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (client, address) = (shop.client()?, shop.orders[0].address()?);
        for (headers, body, status) in SMUGGLED {
            let headers = format!("{headers}\r\nConnection: close");
            check_refusal(&tell(address, &order(&headers, body)).await?, status, &headers);
        }
        assert_eq!(client.user("eve").all_orders().await?.len(), 0);
        let ann = client.user("ann").with_money("1").await?;
        assert_eq!(ann.outcome(&ann.order("1").await?).await?, "FINISHED");
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_queries_beyond_every_measure_are_refused() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let address = shop.orders[0].address()?;
        let get = |path: &str, headers: &str| {
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-User-Id: eve\r\nConnection: close\r\n{headers}\r\n")
                .into_bytes()
        };
        let (many, long) = ("X-A: 1\r\n".repeat(5_000), format!("X-A: {}\r\n", "a".repeat(1 << 20)));
        check_refusal(&tell(address, &get("/orders", &many)).await?, 431, "5000 headers");
        check_refusal(&tell(address, &get("/orders", &long)).await?, 431, "a megabyte of one header");
        for query in [
            "limit=99999999999999999999",
            "limit=-1",
            "limit=1&limit=1",
            "limit=%ff",
            "cursor=%ff%fe",
            "cursor=%00",
            "status=%ff",
            "cursor=..%2f..",
            "status=NEW%00",
        ] {
            check_refusal(&tell(address, &get(&format!("/orders?{query}"), "")).await?, 400, query);
        }
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_with_any_byte_changed_is_refused() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let ann = shop.client()?.user("ann").with_money("9").await?;
        ann.top_up("1", None).await?.expect(200)?;
        for _ in 0..2 {
            ann.outcome(&ann.order("1").await?).await?;
        }
        let mut cursors = Vec::new();
        for list in ["/orders", "/accounts/transactions"] {
            let page = ann.get(&format!("{list}?limit=1")).await?.expect(200)?;
            cursors.push(page["next_cursor"].as_str().context("there is more")?.to_owned());
        }
        let refused = async |list: &str, cursor: &str| -> Result<()> {
            let answer = ann.get(&format!("{list}?cursor={cursor}")).await?;
            assert_eq!(
                (answer.status, answer.json()["code"].as_str()),
                (400, Some("invalid_cursor")),
                "{list} {cursor}"
            );
            Ok(())
        };
        for (list, own, other) in [("/orders", 0, 1), ("/accounts/transactions", 1, 0)] {
            refused(list, &cursors[other]).await?;
            for at in 0..cursors[own].len() {
                let mut cursor = cursors[own].clone();
                let changed = if cursor.as_bytes()[at] == b'A' { "B" } else { "A" };
                cursor.replace_range(at..=at, changed);
                refused(list, &cursor).await?;
            }
        }
        Ok(Arc::default())
    })
    .await
}
