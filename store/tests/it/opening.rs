//! Opening: what is a URL, and a database that is down now and up later.

use crate::database::TestResult;
use store::{OpenError, Options, Store};

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    for url in ["", "x", "mysql://root@localhost/shop", "/tmp/shop.db", "http://localhost"] {
        let options = Options { url: url.to_owned(), max_connections: 1, application: "store-test" };
        assert!(matches!(Store::open(&options).await, Err(OpenError::Url)), "{url}");
    }
}

#[tokio::test]
async fn a_file_in_a_directory_that_does_not_exist_is_refused() -> TestResult {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}", folder.path().join("nowhere/test.db").display());
    let options = Options { url, max_connections: 1, application: "store-test" };
    assert!(matches!(Store::open(&options).await, Err(OpenError::Driver(_))));
    Ok(())
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_opens_while_it_is_away_and_works_once_it_is_back() -> TestResult {
    use crate::database::open;
    use store::Fault;
    let url = testbed::postgres_url();
    let proxy = testbed::Proxy::start(testbed::address_of(&url)?)?;
    proxy.refuse(true)?;
    let store = open(&proxy.url(&url)).await?;
    let error = store.begin().await.err().ok_or("begun without a server")?;
    assert_eq!(Fault::of(&error), Fault::Unavailable, "{error:?}");
    proxy.refuse(false)?;
    store.begin().await?.commit().await?;
    // Open connections break: the next unit of work may fail or not, the one after works.
    proxy.cut();
    let broken = store.begin().await;
    assert!(broken.as_ref().err().is_none_or(|error| Fault::of(error) == Fault::Unavailable), "{broken:?}");
    drop(broken);
    store.begin().await?.commit().await?;
    Ok(())
}
