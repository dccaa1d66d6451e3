//! Files of SQLite that are damaged: nobody is charged by guess, the error names the file, the audit says so, a backup mends it.
//! Absent: PostgreSQL (damaged_server), and rows that are wrong but readable; the audit's own tests plant those.

use anyhow::{Context, ensure};
use e2e::{Result, Shop, gozon};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

/// A page of SQLite's.
const PAGE: usize = 4096;

/// What `gozon audit` says about the directory, and its exit code.
fn audit(data: &Path) -> Result<(Option<i32>, String)> {
    let output = Command::new(gozon()?).args(["audit", "--data-dir"]).arg(data).env_clear().output()?;
    Ok((output.status.code(), String::from_utf8([output.stdout, output.stderr].concat())?))
}

fn file(shop: &Shop, name: &str) -> Result<PathBuf> {
    let orders = shop.books.urls().orders.strip_prefix("sqlite://").context("a SQLite URL")?;
    Ok(Path::new(orders).with_file_name(name))
}

/// Overwrites a page, or puts back what was there; gives what was there before.
fn overwrite(file: &Path, page: usize, with: &[u8; PAGE]) -> Result<[u8; PAGE]> {
    let (file, offset) = (File::options().read(true).write(true).open(file)?, u64::try_from(page * PAGE)?);
    let mut before = [0; PAGE];
    file.read_exact_at(&mut before, offset)?;
    file.write_all_at(with, offset)?;
    Ok(before)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_shop_does_not_open_on_a_file_that_is_none_of_sqlites_or_cut_off_and_names_it() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("5").await?;
        assert_eq!(user.outcome(&user.order("1").await?).await?, "FINISHED");
        shop.books.settled().await?;
        shop.stop().await?;
        for name in ["orders.db", "payments.db"] {
            let path = file(shop, name)?;
            let whole = fs::read(&path)?;
            for damaged in [b"no database".repeat(PAGE), whole[..PAGE].to_vec()] {
                fs::write(&path, damaged)?;
                let refused = format!("{:#}", shop.orders[0].start().await.err().context("it opened")?);
                ensure!(refused.contains(&path.display().to_string()), "{refused}");
                ensure!(refused.contains("exit status: 2"), "{refused}");
                let (code, said) = audit(path.parent().context("a directory")?)?;
                let database = name.trim_end_matches(".db");
                ensure!(code == Some(1) && said.contains(&format!("the {database} database is damaged")), "{said}");
            }
            fs::write(&path, whole)?;
        }
        shop.start().await?;
        assert_eq!(user.balance().await?, "4.00");
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_charged_while_a_page_of_the_ledger_is_damaged_and_everybody_when_it_is_whole_again() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("5").await?;
        assert_eq!(user.outcome(&user.order("1").await?).await?, "FINISHED");
        shop.books.settled().await?;
        let root = "SELECT rootpage - 1 AS number FROM sqlite_master WHERE name = 'entries'";
        let page = usize::try_from(shop.books.of_payments(root).await?)?;
        shop.stop().await?;
        let path = file(shop, "payments.db")?;
        let whole = overwrite(&path, page, &[b'?'; PAGE])?;
        shop.start().await?;

        let waiting = user.order("1").await?;
        let refused = user.top_up("1", None).await?;
        ensure!(refused.status == 500 && refused.json()["code"] == "internal", "{refused:?}");
        e2e::until("the request for the money to be set aside", || async {
            Ok(shop.client()?.counted("payments_inbox_messages_total", "outcome=\"failed\"").await? > 0)
        })
        .await?;
        ensure!(user.get(&format!("/orders/{waiting}")).await?.json()["status"] == "NEW", "nobody can tell");
        let (code, said) = audit(path.parent().context("a directory")?)?;
        ensure!(code == Some(1) && said.contains("the payments database is damaged"), "{said}");

        shop.stop().await?;
        overwrite(&path, page, &whole)?;
        shop.start().await?;
        assert_eq!(user.outcome(&waiting).await?, "FINISHED");
        assert_eq!(user.balance().await?, "3.00", "the top-up was refused");
        Ok(Arc::default())
    })
    .await
}
