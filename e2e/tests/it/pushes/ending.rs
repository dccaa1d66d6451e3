//! How sockets end with their process, and how both ends see that the other lives.
//! Absent: processes that are killed (instances).

use e2e::{
    Result, Shop,
    socket::{Pushed, Socket, all_of},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Far below the grace that the HTTP server gives connections that do not end.
const PROMPT: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_process_told_to_stop_says_1001_to_its_sockets_and_ends_promptly() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (user, address) = (shop.client()?.user("ann"), shop.orders[0].address()?);
        let mut sockets = Vec::new();
        for _ in 0..50 {
            let mut socket = Socket::connect(address, &all_of(&user)).await?;
            socket.ready().await?;
            sockets.push(socket);
        }
        let begin = Instant::now();
        assert!(shop.orders[0].terminate().await?.success());
        assert!(begin.elapsed() < PROMPT, "it took {:?}", begin.elapsed());
        for socket in &mut sockets {
            assert_eq!(socket.end().await?, Some(1001));
        }
        shop.start().await?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_has_reached_its_age_is_closed_and_its_client_resumes_as_the_same_user() -> Result<()> {
    let shop = Shop::embedded_with(&[("SOCKET_AGE", "1s")]).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (user, address) = (shop.client()?.user("ann").with_money("1").await?, shop.orders[0].address()?);
        let mut socket = Socket::connect(address, &all_of(&user)).await?;
        assert_eq!(socket.next().await?, Pushed::Ready("ann".to_owned()));
        assert_eq!(socket.end().await?, Some(1001));
        let order = user.order("1").await?;
        let mut socket = socket.resume(address, &user).await?;
        let told = socket.ready().await?;
        assert!(told.iter().any(|news| news.order_id == order), "{told:?}");
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_pings_and_answers_pings() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann");
        let mut socket = Socket::connect(shop.orders[0].address()?, &all_of(&user)).await?;
        socket.ready().await?;
        socket.ping().await?;
        assert_eq!(socket.next().await?, Pushed::Pong);
        // More than a client that did not answer would be granted. The client's library answers as it reads on.
        for _ in 0..3 {
            assert_eq!(socket.next().await?, Pushed::Ping);
        }
        socket.ping().await?;
        assert_eq!(socket.next().await?, Pushed::Pong);
        Ok(Arc::default())
    })
    .await
}
