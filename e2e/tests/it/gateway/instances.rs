//! Several instances behind one port: one that is away is passed by, a POST is never sent twice, pages survive a death.

use crate::npm::program;
use anyhow::ensure;
use e2e::{Gateway, Plan, Result, Shop, Upstreams};
use reqwest::Client;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

/// An instance that reads a request and then says this, or nothing; it counts.
struct Stub {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Stub {
    async fn saying(answer: &'static str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, asked) = (listener.local_addr()?, Arc::<AtomicUsize>::default());
        let counter = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    counter.fetch_add(1, Ordering::SeqCst);
                    // Who does not wait for the answer has it all the same.
                    drop(stream.write_all(answer.as_bytes()).await);
                }
            }
        });
        Ok(Self { address, asked, task })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

fn of_orders(orders: Vec<SocketAddr>) -> Upstreams {
    Upstreams { orders, ..Upstreams::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_may_have_been_done_is_not_sent_to_another_instance() -> Result<()> {
    let (one, other) = (Stub::saying("").await?, Stub::saying("").await?);
    let gateway = Gateway::open(&of_orders(vec![one.address, other.address]))?;
    let url = format!("{}/orders", gateway.url);
    for number in 1..=10 {
        let answer = Client::new().post(&url).body("{}").send().await?;
        assert_eq!(answer.status(), 503);
        assert_eq!(one.asked() + other.asked(), number, "asked once");
    }
    let before = one.asked() + other.asked();
    assert_eq!(Client::new().get(&url).send().await?.status(), 503);
    assert_eq!(one.asked() + other.asked(), before + 2, "a GET may be tried at the other one");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_away_is_passed_by() -> Result<()> {
    let there = Stub::saying(CREATED).await?;
    let away = testbed::free_address()?;
    let gateway = Gateway::open(&of_orders(vec![away, there.address]))?;
    for _ in 0..10 {
        let answer = Client::new().post(format!("{}/orders", gateway.url)).body("{}").send().await?;
        assert_eq!(answer.status(), 201, "nothing was sent to the one that is away, so the other one may be asked");
    }
    assert_eq!(there.asked(), 10);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn open_pages_end_right_when_an_instance_dies_while_orders_settle() -> Result<()> {
    let shop = Plan::of(2, 2).open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        shop.settle_on(0).await?;
        let gateway = Gateway::open(&Upstreams::of(&shop.orders, &shop.payments)?)?;
        let payments: Vec<_> = shop.payments.iter().map(|one| Ok(one.id()?.to_string())).collect::<Result<_>>()?;
        let mut playwright = program("web", "playwright", &["test", "instances.spec.ts"]);
        playwright
            .env("SHOP_URL", &gateway.page_url)
            .env("INSTANCES", format!("{},{}", shop.orders[0].base()?, shop.orders[1].base()?))
            .env("DOOMED", shop.orders[0].id()?.to_string())
            .env("PAYMENTS", payments.join(","));
        let output = playwright.output().await?;
        ensure!(output.status.success(), "the browser's tests failed: {}", String::from_utf8_lossy(&output.stdout));
        shop.orders[0].kill_9().await?;
        Ok(Arc::default())
    })
    .await
}
