//! Who answers what, through the gateway and through the page's server. Absent: what is answered; the services' own tests have that.

use e2e::{
    Gateway, Result, Shop, Upstreams,
    socket::{Socket, all_of},
};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};

const NO_STORE: &str = "no-store";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The embedded shop takes the place of both services.
fn in_front_of(shop: &Shop) -> Result<Gateway> {
    let address = shop.orders[0].address()?;
    Gateway::open(&Upstreams { orders: vec![address], payments: vec![address], rate: None })
}

async fn get(url: &str, path: &str) -> Result<Response> {
    Ok(asking(url, path).send().await?)
}

fn asking(url: &str, path: &str) -> RequestBuilder {
    reqwest::Client::new().get(format!("{url}{path}")).header("x-user-id", "ann")
}

fn header(response: &Response, name: &str) -> String {
    let values = response.headers().get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.collect::<Vec<_>>().join(" | ")
}

fn address(url: &str) -> Result<SocketAddr> {
    Ok(url.trim_start_matches("http://").parse()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_can_do_everything_at_either_door() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let gateway = in_front_of(shop)?;
        for (door, user) in [(&gateway.url, "ann"), (&gateway.page_url, "bob")] {
            let post = |path: &str, body: &'static str| {
                let request = reqwest::Client::new().post(format!("{door}{path}")).header("x-user-id", user);
                request.header("content-type", "application/json").body(body).send()
            };
            assert_eq!(post("/accounts", "{}").await?.status(), 201);
            assert_eq!(post("/accounts/topup", r#"{"amount": "9.50"}"#).await?.status(), 200);
            let mut socket = Socket::connect(address(door)?, &all_of(&shop.client()?.user(user))).await?;
            socket.ready().await?;
            let placed = post("/orders", r#"{"amount": "9"}"#).await?;
            assert_eq!(placed.status(), 201);
            let order = placed.json::<Value>().await?["id"].as_str().unwrap_or_default().to_owned();
            socket.know_final(std::slice::from_ref(&order)).await?;
            assert_eq!(socket.known[&order].outcome, "FINISHED");
            for path in [
                &format!("/orders/{order}"),
                "/orders?limit=1",
                "/accounts/transactions",
                "/orders/docs/",
                "/orders/openapi.json",
                "/payments/docs/",
                "/payments/openapi.json",
                "/health",
            ] {
                let answer =
                    reqwest::Client::new().get(format!("{door}{path}")).header("x-user-id", user).send().await?;
                assert_eq!(answer.status(), 200, "{path}");
            }
            for path in ["/orders", "/accounts/balance", "/ws/orders?user_id=ann"] {
                let answer = asking(door, path).header("x-expected-user-id", "eve").send().await?;
                assert_eq!(answer.status(), 409, "{path}");
                assert_eq!(answer.json::<Value>().await?["user_id"], "ann", "{path}");
            }
        }
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_with_its_policy_and_is_kept_as_long_as_it_may_be() -> Result<()> {
    let gateway = Gateway::open(&Upstreams::default())?;
    let policy = include_str!("../../../../web/csp.txt").trim();
    for door in [&gateway.url, &gateway.page_url] {
        let document = asking(door, "/").header("accept-encoding", "gzip").send().await?;
        assert_eq!(document.status(), 200);
        assert_eq!(header(&document, "content-security-policy"), policy);
        assert_eq!(header(&document, "cache-control"), "no-cache");
        assert_eq!(header(&document, "x-content-type-options"), "nosniff");
        assert_eq!(header(&document, "referrer-policy"), "no-referrer");
        let document = get(door, "/").await?.text().await?;
        let script = document.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(".js"));
        let script = script.expect("the document names its script");
        let asset = asking(door, script).header("accept-encoding", "gzip").send().await?;
        assert_eq!(header(&asset, "cache-control"), FOR_EVER);
        assert_eq!(header(&asset, "content-encoding"), "gzip");
        assert!(header(&asset, "content-type").contains("javascript"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_an_instances_own_business_is_not_routed() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let gateway = in_front_of(shop)?;
        for path in
            ["/healthz", "/readyz", "/metrics", "/ordersx", "/accountsx", "/payments", "/nowhere", "/assets/no.js"]
        {
            let refused = get(&gateway.url, path).await?;
            assert_eq!(refused.status(), 404, "{path}");
            assert_eq!(header(&refused, "content-type"), "application/problem+json", "{path}");
            assert_eq!(refused.json::<Value>().await?["code"], "not_found", "{path}");
        }
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_one_request_id_and_a_clients_own_is_kept() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let gateway = in_front_of(shop)?;
        for path in ["/orders", "/health", "/metrics", "/"] {
            let made = header(&get(&gateway.url, path).await?, "x-request-id");
            assert_eq!(made.len(), 32, "{path}: {made}");
            let own = asking(&gateway.url, path).header("x-request-id", "mine-1").send().await?;
            assert_eq!(header(&own, "x-request-id"), "mine-1", "{path}");
            let bad = asking(&gateway.url, path).header("x-request-id", "a b").send().await?;
            assert_eq!(header(&bad, "x-request-id").len(), 32, "{path}");
        }
        let list = get(&gateway.url, "/orders").await?;
        assert_eq!(header(&list, "cache-control"), NO_STORE);
        assert_eq!(header(&list, "x-content-type-options"), "nosniff");
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_this_origin_may_open_a_socket_and_one_of_another_may_not() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let gateway = in_front_of(shop)?;
        for door in [&gateway.url, &gateway.page_url] {
            let upgrade = |origin: &str| {
                asking(door, "/ws/orders")
                    .header("connection", "upgrade")
                    .header("upgrade", "websocket")
                    .header("sec-websocket-version", "13")
                    .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                    .header("origin", origin)
                    .send()
            };
            assert_eq!(upgrade(door).await?.status(), 101);
            assert_eq!(upgrade("http://evil.example").await?.status(), 403);
        }
        Ok(Arc::default())
    })
    .await
}
