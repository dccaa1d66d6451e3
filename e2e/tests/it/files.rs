//! Files of an embedded shop that are moved, deleted or replaced under it: nothing that was answered is missing afterwards.
//! Absent: what is in a directory before it is opened (gozon's own tests).

use anyhow::{Context, ensure};
use e2e::{Result, Shop, Traffic, until};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const BETWEEN: usize = 50;

/// A shop with traffic in a directory that can be moved.
async fn shop(place: &Path) -> Result<(Shop, PathBuf)> {
    let data = place.join("data");
    let mut shop = Shop::embedded_in(&data).await?;
    shop.start().await?;
    Ok((shop, data))
}

async fn traffic(shop: &Shop) -> Result<Traffic> {
    let traffic = Traffic::start(&shop.client()?, 4, 8).await?;
    traffic.goes_on(BETWEEN).await?;
    Ok(traffic)
}

/// Waits until it is not ready for this reason, and nothing is taken any more.
async fn is_shut(shop: &Shop, words: &str) -> Result<()> {
    let client = shop.client()?;
    until("it says what has happened", || async {
        let answers = client.readiness().await?;
        Ok(answers.iter().all(|answer| answer.status == 503 && answer.text.contains(words)))
    })
    .await?;
    let late = client.user("late");
    for answer in [late.place("1", None).await?, late.top_up("1", None).await?, late.get("/orders").await?] {
        answer.expect(503)?;
    }
    ensure!(shop.orders[0].has_logged(words)?, "nothing in the log");
    Ok(())
}

fn place() -> Result<tempfile::TempDir> {
    Ok(tempfile::tempdir_in(std::env::temp_dir())?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_moved_away_is_whole_when_it_is_put_back() -> Result<()> {
    let place = place()?;
    let (shop, data) = shop(place.path()).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = traffic(shop).await?;
        let old = place.path().join("data.old");
        fs::rename(&data, &old)?;
        is_shut(shop, "was moved").await?;
        ensure!(!data.exists(), "something was made where the shop was");
        ensure!(shop.orders[0].terminate().await?.success(), "it ends in order");
        ensure!(!data.exists() && old.join("orders.db-wal").exists(), "it ends without closing its databases");
        fs::rename(&old, &data)?;
        shop.start().await?;
        traffic.goes_on(BETWEEN).await?;
        traffic.stop().await
    })
    .await
}

/// The commands of the operator's book, from the second line to the loop's end.
fn rescue() -> Result<String> {
    let book = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md"))?;
    let (_, section) = book.split_once("## The files are gone\n").context("the book has the section")?;
    let (_, block) = section.split_once("```sh\n").context("with commands")?;
    let lines: Vec<_> = block.lines().skip(1).take_while(|line| !line.contains("gozon audit")).collect();
    Ok(lines.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_or_replaced_is_saved_out_of_the_process() -> Result<()> {
    for replaced in [false, true] {
        let place = place()?;
        let (shop, data) = shop(place.path()).await?;
        shop.judged_after(async |shop: &mut Shop| {
            let traffic = traffic(shop).await?;
            if replaced {
                fs::write(place.path().join("backup.db"), "a backup")?;
                fs::rename(place.path().join("backup.db"), data.join("orders.db"))?;
            } else {
                for entry in fs::read_dir(&data)? {
                    fs::remove_file(entry?.path())?;
                }
            }
            is_shut(shop, "DO NOT STOP").await?;
            let mut commands = Command::new("sh");
            commands.args(["-ec", &rescue()?]).current_dir(place.path());
            commands.env("PID", shop.orders[0].id()?.to_string()).env("DIR", "data");
            let output = tokio::task::block_in_place(|| commands.output())?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            shop.orders[0].kill_9().await?;
            if replaced {
                ensure!(fs::read(data.join("orders.db"))? == b"a backup", "the backup was written to");
            } else {
                ensure!(fs::read_dir(&data)?.count() == 0, "something was made in the empty directory");
            }
            fs::remove_dir_all(&data)?;
            fs::rename(place.path().join("saved"), &data)?;
            shop.start().await?;
            traffic.goes_on(BETWEEN).await?;
            traffic.stop().await
        })
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_the_old_log_is_refused_by_every_command_and_survives() -> Result<()> {
    let place = place()?;
    let (shop, data) = shop(place.path()).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = traffic(shop).await?;
        shop.orders[0].kill_9().await?;
        // The log of a shop that was killed lies there.
        let (original, log) = (place.path().join("original.db"), data.join("orders.db-wal"));
        ensure!(log.exists(), "there is no log");
        fs::rename(data.join("orders.db"), &original)?;
        fs::write(data.join("orders.db"), "a backup")?;
        let refused = format!("{:#}", shop.start().await.expect_err("the log is of another database"));
        ensure!(refused.contains("another database") && refused.contains("orders.db-wal"), "{refused}");
        for command in ["audit", "dead list"] {
            let mut gozon = Command::new(e2e::programs::gozon()?);
            gozon.args(command.split(' ')).arg("--data-dir").arg(&data);
            let output = tokio::task::block_in_place(|| gozon.output())?;
            let error = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.code() == Some(2) && error.contains("another database"), "{command}: {error}");
        }
        ensure!(fs::read(data.join("orders.db"))? == b"a backup" && log.exists(), "the backup was written to");
        fs::rename(&original, data.join("orders.db"))?;
        shop.start().await?;
        traffic.goes_on(BETWEEN).await?;
        traffic.stop().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_whose_lock_is_gone_stops_before_a_second_one_can_be_beside_it() -> Result<()> {
    let place = place()?;
    let (shop, data) = shop(place.path()).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = traffic(shop).await?;
        fs::remove_file(data.join("gozon.lock"))?;
        is_shut(shop, "gozon.lock").await?;
        let mut second = shop.orders[0].twin("second");
        second.start().await?;
        second.terminate().await?;
        shop.orders[0].terminate().await?;
        shop.start().await?;
        traffic.goes_on(BETWEEN).await?;
        traffic.stop().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_which_shop_was_opened_and_an_expected_one_is_not_made() -> Result<()> {
    let place = place()?;
    let (shop, data) = shop(place.path()).await?;
    shop.judged_after(async |shop: &mut Shop| {
        ensure!(shop.orders[0].has_logged("made a new, empty shop in")?, "it was made");
        let ann = shop.client()?.user("ann").with_money("10").await?;
        ann.outcome(&ann.order("1").await?).await?;
        shop.stop().await?;
        shop.orders[0].set("EXISTING", "true");
        shop.start().await?;
        ensure!(shop.orders[0].has_logged("opened the shop in")?, "it was opened");
        ensure!(shop.orders[0].has_logged("1 accounts, 1 orders")?, "with what is in it");
        shop.stop().await?;
        let elsewhere = place.path().join("elsewhere");
        fs::rename(&data, &elsewhere)?;
        let refused = format!("{:#}", shop.start().await.expect_err("there is none"));
        ensure!(refused.contains("--existing") && !data.exists(), "{refused}");
        fs::create_dir(&data)?;
        fs::copy(elsewhere.join("orders.db"), data.join("orders.db"))?;
        let refused = format!("{:#}", shop.start().await.expect_err("half of it is there"));
        ensure!(refused.contains("no payments.db") && !data.join("payments.db").exists(), "{refused}");
        fs::remove_dir_all(&data)?;
        fs::rename(&elsewhere, &data)?;
        shop.start().await?;
        Ok(std::sync::Arc::default())
    })
    .await
}
