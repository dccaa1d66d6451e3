//! What the gateway refuses by itself, and that it says so in the words of the contract.

use e2e::{Gateway, Result, Upstreams};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use testbed::free_address;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn refusal(request: RequestBuilder) -> Result<(u16, String, Option<String>)> {
    let response = request.header("x-user-id", "ann").send().await?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    assert_eq!(header("content-type").as_deref(), Some("application/problem+json"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    assert!(header("x-request-id").is_some());
    let (status, retry) = (response.status().as_u16(), header("retry-after"));
    Ok((status, code(response).await?, retry))
}

async fn code(response: Response) -> Result<String> {
    let status = response.status().as_u16();
    let problem: Value = response.json().await?;
    assert_eq!(problem["status"], status);
    let code = problem["code"].as_str().unwrap_or_default().to_owned();
    assert_eq!(problem["type"], format!("urn:gozon:problem:{code}"));
    Ok(code)
}

fn refused(status: u16, code: &str, retry: Option<&str>) -> (u16, String, Option<String>) {
    (status, code.to_owned(), retry.map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_is_unavailable_and_only_that_service() -> Result<()> {
    let gateway =
        Gateway::open(&Upstreams { orders: vec![free_address()?], payments: vec![free_address()?], rate: None })?;
    for path in ["/orders", "/orders/1", "/ws/orders", "/accounts/balance", "/payments/docs/"] {
        let url = format!("{}{path}", gateway.url);
        assert_eq!(refusal(Client::new().get(url)).await?, refused(503, "unavailable", Some("1")), "{path}");
    }
    assert_eq!(reqwest::get(format!("{}/health", gateway.url)).await?.status(), 200);
    assert_eq!(reqwest::get(format!("{}/", gateway.url)).await?.status(), 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_service_needs_to_see_is_a_problem() -> Result<()> {
    let gateway =
        Gateway::open(&Upstreams { orders: vec![free_address()?], payments: vec![free_address()?], rate: None })?;
    let (client, url) = (Client::new(), &gateway.url);
    let large = client.post(format!("{url}/orders")).body(vec![b' '; 65 * 1024]);
    assert_eq!(refusal(large).await?, refused(413, "payload_too_large", None));
    let long = client.get(format!("{url}/orders?cursor={}", "x".repeat(10_000)));
    assert_eq!(refusal(long).await?, refused(414, "uri_too_long", None));
    let wide = client.get(format!("{url}/orders")).header("x-wide", "x".repeat(10_000));
    assert_eq!(refusal(wide).await?, refused(431, "request_header_fields_too_large", None));
    let posted = client.post(format!("{url}/health"));
    assert_eq!(refusal(posted).await?, refused(405, "method_not_allowed", None));
    let page = client.post(format!("{url}/")).send().await?;
    assert_eq!((page.status().as_u16(), &page.headers()["allow"]), (405, &"GET, HEAD".parse()?));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_request_are_answered_with_a_problem() -> Result<()> {
    let gateway = Gateway::open(&Upstreams::default())?;
    for bytes in [&b"GET /orders HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"[..], b"\x16\x03\x01\x02 nonsense\r\n\r\n"] {
        let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).await?;
        stream.write_all(bytes).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains("\"bad_request\""), "{answer}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_is_refused_and_the_page_is_not_limited() -> Result<()> {
    const BURST: usize = 5;
    let slow = Some((1, u32::try_from(BURST)?));
    let gateway =
        Gateway::open(&Upstreams { orders: vec![free_address()?], payments: vec![free_address()?], rate: slow })?;
    let (client, url) = (Client::new(), format!("{}/orders", gateway.url));
    let mut answers = Vec::new();
    for _ in 0..BURST * 4 {
        answers.push(refusal(client.get(&url)).await?);
    }
    assert!(answers[..BURST].iter().all(|answer| answer.0 == 503), "the burst reaches the service: {answers:?}");
    assert!(answers.contains(&refused(429, "rate_limited", Some("1"))), "{answers:?}");
    assert_eq!(reqwest::get(format!("{}/", gateway.url)).await?.status(), 200);

    // One that had an allowance of its own could ask that often; each second lets one more of the old one pass.
    let (mut forged, mut by_the_page) = (Vec::new(), Vec::new());
    for _ in 0..=BURST {
        forged.push(refusal(client.get(&url).header("x-forwarded-for", "203.0.113.7")).await?.0);
        by_the_page.push(client.get(format!("{}/orders", gateway.page_url)).send().await?.status());
    }
    assert!(forged.contains(&429), "what a client says of itself gets it no second allowance: {forged:?}");
    let limited = StatusCode::TOO_MANY_REQUESTS;
    assert!(by_the_page.contains(&limited), "nor does the other door, which says who its client is: {by_the_page:?}");
    Ok(())
}
