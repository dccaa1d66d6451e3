//! Disks that are full or read-only under both databases: a clear answer, nothing half done, and it goes on when it can.
//! Absent: pages that are damaged (damage), and a machine on which nothing may be mounted: there the tests say so and are not run.

use anyhow::{Context, ensure};
use e2e::{Client, Receipts, Result, Shop, Traffic, eventually, until};
use std::sync::Arc;
use testbed::{Locked, Volume};

/// Users and buyers.
const CROWD: (usize, usize) = (4, 12);
/// Orders accepted before and after the trouble.
const BETWEEN: usize = 60;

/// Waits until somebody's order is refused because the database takes no writes; the buyers only see it as a delay.
pub async fn refused(client: &Client) -> Result<()> {
    let stranger = &client.user("stranger");
    let answer = eventually("an order to be refused", || async move {
        let answer = stranger.place("1", None).await?;
        Ok((answer.status != 201).then_some(answer))
    })
    .await?;
    let code = answer.json()["code"].as_str().map(str::to_owned);
    ensure!((answer.status, code.as_deref()) == (503, Some("unavailable")), "{answer:?}");
    ensure!(answer.header("content-type") == Some("application/problem+json"), "{answer:?}");
    ensure!(answer.header("retry-after").is_some(), "{answer:?}");
    Ok(())
}

/// Waits until an instance says that its database takes no writes. A moment later it may be one again that does.
pub async fn not_ready(client: &Client) -> Result<()> {
    until("an instance to say that its database takes no writes", || async move {
        Ok(client.readiness().await?.iter().any(|ready| ready.status == 503 && ready.text.contains("takes no writes")))
    })
    .await
}

/// Whether a database has room of its own when the disk has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reserves {
    /// Each commit makes a file longer.
    None,
    /// PostgreSQL writes single rows to pages that have room, and its log to another disk: it may well take one write and refuse the next.
    #[cfg(feature = "servers")]
    Some,
}

/// Fills the volume under a shop at work, and gives the room back.
async fn filled(shop: &mut Shop, volume: &Volume, reserves: Reserves) -> Result<Arc<Receipts>> {
    let client = shop.client()?;
    let before: Vec<_> = shop.processes().map(|process| process.id()).collect::<Result<_>>()?;
    let traffic = Traffic::start(&client, CROWD.0, CROWD.1).await?;
    // More than once: a connection that was lost to the first time must not be missing at the next.
    for _ in 0..3 {
        traffic.goes_on(BETWEEN).await?;
        volume.fill()?;
        refused(&client).await?;
        if reserves == Reserves::None {
            not_ready(&client).await?;
        }
        ensure!(client.user("buyer-0").get("/orders").await?.status == 200, "what is there can be read");
        let report = shop.books.audit(false).await?;
        ensure!(report.in_order, "with a full disk:\n{report}");
        volume.empty()?;
        shop.ready().await?;
    }
    traffic.goes_on(BETWEEN).await?;
    let receipts = traffic.stop().await?;
    let after: Vec<_> = shop.processes().map(|process| process.id()).collect::<Result<_>>()?;
    ensure!(before == after, "nobody had to be started again");
    Ok(receipts)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_shop_with_a_full_disk_refuses_and_goes_on_when_there_is_room() -> Result<()> {
    let Some(volume) = Volume::mount(64)? else { return Ok(()) };
    let mut shop = Shop::embedded_in(&volume.path().join("data")).await?;
    shop.start().await?;
    shop.judged_after(async |shop: &mut Shop| filled(shop, &volume, Reserves::None).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_shop_does_not_open_on_a_read_only_disk_and_names_the_directory() -> Result<()> {
    let Some(volume) = Volume::mount(64)? else { return Ok(()) };
    let data = volume.path().join("data");
    let mut shop = Shop::embedded_in(&data).await?;
    shop.start().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = Traffic::start(&shop.client()?, CROWD.0, CROWD.1).await?;
        traffic.goes_on(BETWEEN).await?;
        let receipts = traffic.stop().await?;
        shop.stop().await?;
        volume.read_only(true)?;
        let refused = format!("{:#}", shop.orders[0].start().await.err().context("it opened")?);
        let line = refused.lines().find(|line| line.starts_with("gozon: --data-dir: ")).context(refused.clone())?;
        ensure!(line.contains(&data.display().to_string()) && refused.contains("exit status: 2"), "{refused}");
        volume.read_only(false)?;
        shop.start().await?;
        Ok(receipts)
    })
    .await
}

/// But the memory that SQLite's connections share: it is mapped, and the kernel ends whoever writes to it there. That is a crash.
#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_shop_whose_files_become_read_only_at_work_refuses_and_goes_on_when_it_may_write_again()
-> Result<()> {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let data = place.path().join("data");
    let mut shop = Shop::embedded_in(&data).await?;
    shop.start().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (client, before) = (shop.client()?, shop.orders[0].id()?);
        let traffic = Traffic::start(&client, CROWD.0, CROWD.1).await?;
        // As often as there are connections: one that was opened meanwhile must not stay without the right to write.
        for _ in 0..5 {
            traffic.goes_on(BETWEEN).await?;
            let Some(locked) = Locked::lock(&data, "-shm")? else { break };
            refused(&client).await?;
            not_ready(&client).await?;
            ensure!(client.user("buyer-0").get("/orders").await?.status == 200, "what is there can be read");
            drop(locked);
            shop.ready().await?;
        }
        traffic.goes_on(BETWEEN).await?;
        let receipts = traffic.stop().await?;
        ensure!(shop.orders[0].id()? == before, "nobody had to start it again");
        Ok(receipts)
    })
    .await
}

#[cfg(feature = "servers")]
mod on_servers {
    use super::*;
    use crate::{
        databases::{execute, set},
        private,
    };
    use e2e::Plan;
    use testbed::Postgres;
    use tokio::task::{block_in_place, spawn_blocking};

    /// A cluster, and some hundred orders.
    const CLUSTER: u32 = 256;
    /// Where the tables are, but not PostgreSQL's log.
    const TABLES: u32 = 32;

    #[tokio::test(flavor = "multi_thread")]
    async fn services_with_a_full_disk_under_their_tables_refuse_and_go_on_when_there_is_room() -> Result<()> {
        let Some(volume) = Volume::mount(TABLES)? else { return Ok(()) };
        let postgres = private::postgres().await?;
        let tables = volume.path().join("tables");
        let make = format!("COPY (SELECT 1) TO PROGRAM 'cat; mkdir -m 700 {}'", tables.display());
        let space = format!("CREATE TABLESPACE small LOCATION '{}'", tables.display());
        execute(&postgres.admin_url(), &[&make, &space]).await?;
        set(&postgres, "default_tablespace", "small").await?;
        let plan = Plan { postgres_url: postgres.admin_url(), ..Plan::of(2, 2) };
        plan.open().await?.judged_after(async |shop: &mut Shop| filled(shop, &volume, Reserves::Some).await).await
    }

    /// PostgreSQL ends when its log has no room. Whoever makes room starts it again; nobody has to start the services.
    #[tokio::test(flavor = "multi_thread")]
    async fn services_go_on_when_a_server_that_a_full_disk_has_ended_is_back() -> Result<()> {
        let Some(volume) = Volume::mount(CLUSTER)? else { return Ok(()) };
        let root = volume.path().to_owned();
        let mut postgres = spawn_blocking(move || Postgres::start(&root)).await??;
        let shop = Plan { postgres_url: postgres.admin_url(), ..Plan::of(1, 1) }.open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let client = shop.client()?;
            let traffic = Traffic::start(&client, CROWD.0, CROWD.1).await?;
            traffic.goes_on(BETWEEN).await?;
            volume.fill()?;
            refused(&client).await?;
            block_in_place(|| postgres.kill_9())?;
            volume.empty()?;
            block_in_place(|| postgres.start_again())?;
            shop.ready().await?;
            traffic.goes_on(BETWEEN).await?;
            traffic.stop().await
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn services_whose_databases_take_no_writes_say_so_and_go_on_when_they_do_again() -> Result<()> {
        let postgres = private::postgres().await?;
        let shop = Plan { postgres_url: postgres.admin_url(), ..Plan::of(2, 2) }.open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let client = shop.client()?;
            let traffic = Traffic::start(&client, CROWD.0, CROWD.1).await?;
            traffic.goes_on(BETWEEN).await?;
            set(&postgres, "default_transaction_read_only", "on").await?;
            refused(&client).await?;
            until("all instances to say that they are not ready", || async {
                Ok(client.readiness().await?.iter().all(|ready| ready.text.contains("takes no writes")))
            })
            .await?;
            ensure!(client.user("buyer-0").get("/orders").await?.status == 200, "what is there can be read");
            set(&postgres, "default_transaction_read_only", "off").await?;
            shop.ready().await?;
            traffic.goes_on(BETWEEN).await?;
            traffic.stop().await
        })
        .await
    }
}
