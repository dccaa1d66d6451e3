//! Who may connect, and to what: everything is checked before the upgrade, except whose the order is.
//! Absent: what is told afterwards.

use e2e::{
    Result, Shop,
    socket::{Pushed, Socket, all_of, one_of},
    until,
};
use reqwest::{StatusCode, header::RETRY_AFTER};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};

const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";
const SOCKETS_OF_A_USER: usize = 3;

type Header = (&'static str, &'static str);
const ANN: Header = ("x-user-id", "ann");
const TOO_LONG: &str = match std::str::from_utf8(&[b'x'; 129]) {
    Ok(text) => text,
    Err(_) => unreachable!(),
};

/// What follows `/ws/orders`, the headers, and the status and `code` of the refusal.
const REFUSED: [(&str, &[Header], u16, &str); 21] = [
    ("", &[], 400, "missing_user_id"),
    ("", &[("x-user-id", "")], 400, "invalid_user_id"),
    ("", &[("x-user-id", "a b")], 400, "invalid_user_id"),
    ("", &[("x-user-id", TOO_LONG)], 400, "invalid_user_id"),
    ("", &[ANN, ANN], 400, "invalid_user_id"),
    ("?user_id=", &[], 400, "invalid_user_id"),
    ("?user_id=a%20b", &[], 400, "invalid_user_id"),
    ("?user_id=ann&user_id=ann", &[], 400, "invalid_user_id"),
    ("", &[ANN, ("x-expected-user-id", "bob")], 409, "user_mismatch"),
    ("/not-a-uuid?after=nonsense", &[ANN, ("x-expected-user-id", "bob")], 409, "user_mismatch"),
    ("?user_id=ann&expected_user_id=bob", &[], 409, "user_mismatch"),
    ("?expected_user_id=ann", &[ANN, ("x-expected-user-id", "bob")], 409, "user_mismatch"),
    ("?expected_user_id=", &[ANN], 400, "invalid_user_id"),
    ("?expected_user_id=ann&expected_user_id=ann", &[ANN], 400, "invalid_user_id"),
    ("", &[("origin", "https://evil.example")], 403, "origin_not_allowed"),
    ("/not-a-uuid", &[ANN], 400, "invalid_order_id"),
    ("?after=nonsense", &[ANN], 400, "invalid_cursor"),
    ("?after=", &[ANN], 400, "invalid_cursor"),
    ("", &[ANN, ("origin", "https://evil.example")], 403, "origin_not_allowed"),
    ("", &[ANN, ("origin", "null")], 403, "origin_not_allowed"),
    ("", &[ANN, ("origin", "https://shop.example.evil.example")], 403, "origin_not_allowed"),
];

/// The answer to an upgrade with these headers: its status, its `code`, its `Retry-After`.
async fn knock(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<(u16, String, Option<String>)> {
    let upgrade = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    ask(address, path, &[&upgrade, headers].concat()).await
}

async fn ask(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<(u16, String, Option<String>)> {
    let request = reqwest::Client::new().get(format!("http://{address}{path}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await?;
    let (status, retry) = (response.status(), response.headers().get(RETRY_AFTER).cloned());
    let retry = retry.map(|seconds| String::from_utf8_lossy(seconds.as_bytes()).into_owned());
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok((status.as_u16(), String::new(), retry));
    }
    let kind = response.headers()["content-type"].clone();
    assert_eq!(kind, "application/problem+json");
    let problem: Value = response.json().await?;
    assert_eq!(problem["status"], status.as_u16());
    Ok((status.as_u16(), problem["code"].as_str().unwrap_or_default().to_owned(), retry))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_shown_then_ready_then_updated_and_only_to_its_user() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (user, address) = (shop.client()?.user("ann").with_money("1").await?, shop.orders[0].address()?);
        for outcome in ["FINISHED", "CANCELLED insufficient_funds"] {
            let order = user.order("1").await?;
            let mut socket = Socket::connect(address, &one_of(&user, &order)).await?;
            assert!(matches!(&*socket.ready().await?, [news] if news.order_id == order));
            socket.know_final(std::slice::from_ref(&order)).await?;
            assert_eq!(socket.known[&order].outcome, outcome);
            let stranger = shop.client()?.user("eve");
            for path in [one_of(&stranger, &order), one_of(&user, NOBODYS)] {
                let mut socket = Socket::connect(address, &path).await?;
                assert_eq!(socket.next().await?, Pushed::End(Some(1008)));
                assert_eq!(socket.known.len(), 0);
            }
        }
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_connect_is_told_so_before_the_upgrade() -> Result<()> {
    let shop = Shop::embedded_with(&[("ALLOWED_ORIGINS", "https://shop.example,https://two.example")]).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let address = shop.orders[0].address()?;
        for (rest, headers, status, code) in REFUSED {
            let answer = knock(address, &format!("/ws/orders{rest}"), headers).await?;
            assert_eq!((answer.0, answer.1.as_str()), (status, code), "{rest} {headers:?}");
        }
        let own = format!("http://{address}");
        for origin in [own.as_str(), "https://shop.example", "https://two.example"] {
            assert_eq!(knock(address, "/ws/orders", &[ANN, ("origin", origin)]).await?.0, 101, "{origin}");
        }
        assert_eq!(knock(address, "/ws/orders?user_id=ann", &[]).await?.0, 101);
        assert_eq!(knock(address, "/ws/orders?user_id=ann&expected_user_id=ann", &[]).await?.0, 101);
        let header_wins = [ANN, ("x-expected-user-id", "ann")];
        assert_eq!(knock(address, "/ws/orders?user_id=bob&expected_user_id=bob", &header_wins).await?.0, 101);
        let plain = ask(address, "/ws/orders", &[ANN]).await?;
        assert!((400..500).contains(&plain.0) && !plain.1.is_empty(), "{plain:?}");
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_so_many_sockets_and_a_place_is_free_again_when_one_is_gone() -> Result<()> {
    let limit = SOCKETS_OF_A_USER.to_string();
    let shop = Shop::embedded_with(&[("MAX_SOCKETS_PER_USER", &limit)]).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (ann, bob) = (shop.client()?.user("ann"), shop.client()?.user("bob"));
        let address = shop.orders[0].address()?;
        let mut sockets = Vec::new();
        for _ in 0..SOCKETS_OF_A_USER {
            sockets.push(Socket::connect(address, &all_of(&ann)).await?);
        }
        let refused = knock(address, "/ws/orders", &[ANN]).await?;
        assert_eq!((refused.0, refused.1.as_str()), (503, "overloaded"));
        assert!(refused.2.is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
        Socket::connect(address, &all_of(&bob)).await?.ready().await?;
        sockets.pop();
        let ann = &ann;
        until("a free place", || async move { Ok(Socket::connect(address, &all_of(ann)).await.is_ok()) }).await?;
        Ok(Arc::default())
    })
    .await
}
