//! More than a shop takes on: what is too much is refused at once, what was admitted is done, and then all is as before.
//! Absent: how long anything takes; `cargo xtask bench --scenario overload` and `backlog` measure that.

use anyhow::{Context, ensure};
use e2e::{Answer, Result, Shop, User};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::sync::Arc;
use store::{Options, Plans, Store, Tx};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// As many as an instance of orders admits, and so many more.
const ADMITTED: usize = 4_096;
const TOO_MANY: usize = 400;

/// Keeps everybody else from writing orders until it is given up.
async fn hold(shop: &Shop) -> Result<Tx> {
    let url = shop.books.urls().orders.clone();
    let postgres = url.starts_with("postgres");
    let store = Store::open(&Options { url, max_connections: 1, application: "e2e", plans: Plans::Free }).await?;
    let tx = store.begin().await?;
    if postgres {
        use sea_orm::ConnectionTrait;
        tx.execute_unprepared("LOCK TABLE orders IN EXCLUSIVE MODE").await?;
    }
    Ok(tx)
}

/// Asks for an order on a connection of its own, and leaves the answer for later. A client library would open all connections first, and
/// on a busy machine the shop closes those on which nothing is asked for too long.
async fn ask(shop: &Shop, user: &User) -> Result<TcpStream> {
    const BODY: &str = r#"{"amount": "1"}"#;
    let base = shop.base()?;
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await?;
    let (user, length) = (&user.id, BODY.len());
    let head = format!(
        "POST /orders HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nX-User-Id: {user}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + BODY).as_bytes()).await?;
    Ok(stream)
}

async fn answer(mut stream: TcpStream) -> Result<Answer> {
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("no answer: {text}"))?;
    let (status, headers) = head.split_once("\r\n").context("a status")?;
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let status = status.split(' ').nth(1).context("a status")?.parse()?;
    Ok(Answer { status, headers: headers.split("\r\n").filter_map(header).collect(), text: body.to_owned() })
}

fn is_overloaded(answer: &Answer) -> bool {
    let code = answer.json()["code"].as_str().map(str::to_owned);
    (answer.status, code.as_deref(), answer.header("retry-after")) == (503, Some("overloaded"), Some("1"))
}

async fn asked_too_much(shop: &mut Shop) -> Result<Arc<e2e::Receipts>> {
    let user: &User = &shop.client()?.user("ann").with_money("10000").await?;
    assert_eq!(user.outcome(&user.order("1").await?).await?, "FINISHED");
    let held = hold(shop).await?;
    let mut answers = FuturesUnordered::new();
    for _ in 0..ADMITTED + TOO_MANY {
        answers.push(answer(ask(shop, user).await?));
    }
    // As long as nothing can be placed, whoever gets an answer was refused. So these did not wait for the others.
    for number in 0..TOO_MANY {
        let answer = answers.next().await.context("an answer")??;
        ensure!(is_overloaded(&answer), "the answer {number}: {answer:?}");
    }
    ensure!(user.get("/orders").await?.status == 200, "reads wait for nobody");
    held.rollback().await?;
    while let Some(answer) = answers.next().await {
        answer?.expect(201)?;
    }
    assert_eq!(user.outcome(&user.order("1").await?).await?, "FINISHED", "there is room again");
    shop.books.settled().await?;
    assert_eq!(user.balance().await?, format!("{}.00", 10_000 - ADMITTED - 2));
    Ok(Arc::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_shop_refuses_what_is_too_much_at_once_and_does_what_it_has_admitted() -> Result<()> {
    Shop::embedded().await?.judged_after(asked_too_much).await
}

#[cfg(feature = "servers")]
mod on_servers {
    use super::*;
    use e2e::{Plan, until};
    use futures_util::{TryStreamExt, stream};

    /// Orders that wait for payments, of so many users.
    const WAITING: usize = 5_000;
    const USERS: usize = 50;
    /// Requests at once.
    const AT_ONCE: usize = 64;

    #[tokio::test(flavor = "multi_thread")]
    async fn services_refuse_what_is_too_much_at_once_and_do_what_they_have_admitted() -> Result<()> {
        Plan::of(1, 1).open().await?.judged_after(asked_too_much).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_queue_that_grew_while_payments_was_away_drains_and_nobody_starves() -> Result<()> {
        Plan::of(1, 1)
            .open()
            .await?
            .judged_after(async |shop: &mut Shop| {
                let client = shop.client()?;
                let money = (WAITING / USERS).to_string();
                let users = stream::iter(0..USERS).map(|user| client.user(format!("user-{user}")).with_money(&money));
                let users: Vec<_> = users.buffer_unordered(AT_ONCE).try_collect().await?;
                assert!(shop.payments[0].terminate().await?.success());
                let orders = stream::iter(0..WAITING).map(|order| users[order % USERS].order("1"));
                let orders: Vec<_> = orders.buffer_unordered(AT_ONCE).try_collect().await?;
                shop.start().await?;
                // Comes last and is served all the same, at both ends: an account that was not there before, and its order.
                let fresh = client.user("fresh").with_money("1").await?;
                assert_eq!(fresh.outcome(&fresh.order("1").await?).await?, "FINISHED");
                let open = "SELECT count(*) AS number FROM orders WHERE status = 'NEW'";
                until("the queue to drain", || async { Ok(shop.books.of_orders(open).await? == 0) }).await?;
                let paid = "SELECT count(*) AS number FROM orders WHERE status = 'FINISHED'";
                assert_eq!(shop.books.of_orders(paid).await?, i64::try_from(orders.len() + 1)?);
                Ok(Arc::default())
            })
            .await
    }
}
