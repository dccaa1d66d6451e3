//! Pages of a PostgreSQL that are damaged: whom they are about is not charged by guess, everybody else is served, the log names the file,
//! the audit says so, and when the page is whole again all goes on.
//! Absent: SQLite (damage), and a server that does not start any more: to the services that is one that is away (outages).

use crate::{databases::execute, private};
use anyhow::{Context, ensure};
use e2e::{Answer, Plan, Result, Shop, User, eventually, gozon, until};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use testbed::Postgres;
use tokio::task::block_in_place;

/// A page of PostgreSQL's.
const PAGE: usize = 8192;
/// Accounts, so many that one page does not hold all of them.
const ACCOUNTS: usize = 150;
/// Requests at once.
const AT_ONCE: usize = 16;

/// Where page 0 of a table or an index lies; the statement gives the file's number.
async fn file(shop: &Shop, postgres: &Postgres, node: &'static str) -> Result<PathBuf> {
    const DATABASE: &str = "SELECT oid::bigint AS number FROM pg_database WHERE datname = current_database()";
    let (database, node) = (shop.books.of_payments(DATABASE).await?, shop.books.of_payments(node).await?);
    Ok(postgres.data().join(format!("base/{database}/{node}")))
}

/// Changes a page and gives what it was before.
fn change(file: &Path, page: u64, change: impl FnOnce(&mut [u8; PAGE])) -> Result<[u8; PAGE]> {
    let file = File::options().read(true).write(true).open(file).with_context(|| file.display().to_string())?;
    let mut bytes = [0; PAGE];
    file.read_exact_at(&mut bytes, page * PAGE as u64)?;
    let before = bytes;
    change(&mut bytes);
    file.write_all_at(&bytes, page * PAGE as u64)?;
    Ok(before)
}

/// Does something to the files of a server that stands still; in order, so that its log does not mend them. The services' connections
/// are dead afterwards; a request that gets one of them is answered 503 and has to be repeated.
async fn offline<T>(shop: &Shop, postgres: &mut Postgres, work: impl FnOnce(&Postgres) -> Result<T>) -> Result<T> {
    block_in_place(|| postgres.stop())?;
    let done = work(postgres)?;
    block_in_place(|| postgres.start_again())?;
    shop.ready().await?;
    Ok(done)
}

/// What `gozon audit` says, and its exit code.
fn audit(shop: &Shop) -> Result<(Option<i32>, String)> {
    let urls = shop.books.urls();
    let mut audit = Command::new(gozon()?);
    audit.args(["audit", "--orders-url", &urls.orders, "--payments-url", &urls.payments]).env_clear();
    let output = block_in_place(|| audit.output())?;
    Ok((output.status.code(), String::from_utf8([output.stdout, output.stderr].concat())?))
}

/// Waits until the request for the order's money was set aside, with the server's words in the log.
async fn set_aside(shop: &Shop, words: &str) -> Result<()> {
    let client = shop.client()?;
    until("the request for the money to be set aside", || async {
        Ok(client.counted("payments_inbox_messages_total", "outcome=\"failed\"").await? > 0)
    })
    .await?;
    let said = shop.payments.iter().map(|process| process.has_logged(words)).collect::<Result<Vec<_>>>()?;
    ensure!(said.contains(&true), "nobody's log says {words:?}");
    Ok(())
}

/// The answer of a database that is there.
async fn heard(ask: impl AsyncFn() -> Result<Answer>) -> Result<Answer> {
    eventually("an answer that is not about dead connections", || async {
        let answer = ask().await?;
        Ok((answer.status != 503).then_some(answer))
    })
    .await
}

async fn is_new(user: &User, order: &str) -> Result<()> {
    let order = heard(async || user.get(&format!("/orders/{order}")).await).await?.expect(200)?;
    ensure!(order["status"] == "NEW", "nobody can tell how it ends: {order}");
    Ok(())
}

/// One bit of a balance is another one. Without checksums nobody could know; with them the server gives no row of that page.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_charged_while_a_page_of_balances_is_damaged_and_the_accounts_of_other_pages_are_served() -> Result<()>
{
    let mut postgres = private::postgres().await?;
    block_in_place(|| postgres.stop().and_then(|()| postgres.enable_checksums()))?;
    block_in_place(|| postgres.start_again())?;
    let shop = Plan { postgres_url: postgres.admin_url(), ..Plan::of(1, 2) }.open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let client = shop.client()?;
        let users = stream::iter(0..ACCOUNTS).map(|user| client.user(format!("user-{user}")).with_money("5"));
        let users: Vec<_> = users.buffered(AT_ONCE).try_collect().await?;
        let (ann, bob) = (&users[0], &users[ACCOUNTS - 1]);
        for user in [ann, bob] {
            assert_eq!(user.outcome(&user.order("1").await?).await?, "FINISHED");
        }
        shop.books.settled().await?;
        let page = "SELECT (ctid::text::point)[0]::bigint AS number FROM accounts WHERE user_id = ";
        let of_ann = shop.books.of_payments(format!("{page}'{}'", ann.id).leak()).await?;
        let of_bob = shop.books.of_payments(format!("{page}'{}'", bob.id).leak()).await?;
        ensure!(of_ann != of_bob, "all accounts are on one page");
        let (page, file) = (
            u64::try_from(of_ann)?,
            file(shop, &postgres, "SELECT pg_relation_filenode('accounts')::bigint AS number").await?,
        );
        let whole = offline(shop, &mut postgres, |_| change(&file, page, |bytes| bytes[PAGE - 100] ^= 1)).await?;

        let waiting = ann.order_surely("1", "waiting").await?;
        let (balance, top_up) = (async || ann.get("/accounts/balance").await, async || ann.top_up("1", None).await);
        for refused in [heard(balance).await?, heard(top_up).await?] {
            ensure!(refused.status == 500 && refused.json()["code"] == "internal", "{refused:?}");
            ensure!(!refused.text.contains("page"), "the client is told of the inside: {refused:?}");
        }
        set_aside(shop, "invalid page in block").await?;
        is_new(ann, &waiting).await?;
        assert_eq!(bob.outcome(&bob.order_surely("1", "elsewhere").await?).await?, "FINISHED", "another page is whole");
        assert_eq!(bob.balance().await?, "3.00");
        // It serves whom it can.
        shop.ready().await?;
        let (code, said) = audit(shop)?;
        ensure!(code == Some(1) && said.contains("the payments database is damaged"), "{said}");

        offline(shop, &mut postgres, |_| change(&file, page, |bytes| *bytes = whole)).await?;
        assert_eq!(ann.outcome(&waiting).await?, "FINISHED");
        assert_eq!(ann.balance().await?, "3.00", "the top-up was refused");
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_charged_while_the_index_of_payments_is_damaged_and_everybody_when_it_was_built_anew() -> Result<()> {
    let mut postgres = private::postgres().await?;
    let shop = Plan { postgres_url: postgres.admin_url(), ..Plan::of(1, 1) }.open().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let ann = shop.client()?.user("ann").with_money("5").await?;
        assert_eq!(ann.outcome(&ann.order("1").await?).await?, "FINISHED");
        shop.books.settled().await?;
        let index = file(shop, &postgres, "SELECT pg_relation_filenode('payments_pkey')::bigint AS number").await?;
        // Page 0 only tells where the root is, which is the only other one.
        offline(shop, &mut postgres, |_| change(&index, 1, |bytes| bytes.fill(0))).await?;

        let waiting = ann.order_surely("1", "waiting").await?;
        set_aside(shop, "contains unexpected zero page").await?;
        is_new(&ann, &waiting).await?;
        ann.top_up_surely("1", "meanwhile").await?.expect(200)?;
        assert_eq!(ann.balance().await?, "5.00");
        // It serves what it can.
        shop.ready().await?;

        execute(&shop.books.urls().payments, &["REINDEX INDEX payments_pkey"]).await?;
        assert_eq!(ann.outcome(&waiting).await?, "FINISHED");
        assert_eq!(ann.balance().await?, "4.00");
        Ok(Arc::default())
    })
    .await
}
