//! WebSockets of strangers: another user's order, another user's cursor.
//! Absent: who is refused before the upgrade, and that nobody is told of another's orders in a crowd (see the module `pushes`).

use anyhow::ensure;
use e2e::{
    Result, Shop,
    socket::{Socket, all_of, one_of},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An order that nobody has.
const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";

/// All that comes over a socket until the server closes it, without the time and the id that each answer has of its own.
async fn all_bytes(address: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n\r\n").as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    ensure!(bytes.starts_with(b"HTTP/1.1 101 "), "no upgrade: {}", String::from_utf8_lossy(&bytes));
    let own = |line: &&[u8]| !line.starts_with(b"date: ") && !line.starts_with(b"x-request-id: ");
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').filter(own).collect();
    // The server writes its headers in no order; the last line has the frames.
    let last = lines.len() - 1;
    lines[..last].sort_unstable();
    Ok(lines.join(&b'\n'))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_users_order_ends_a_socket_byte_for_byte_like_one_that_does_not_exist() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (client, address) = (shop.client()?, shop.orders[0].address()?);
        let (ann, eve) = (client.user("ann"), client.user("eve"));
        let order = ann.order("1").await?;
        let another = all_bytes(address, &one_of(&eve, &order)).await?;
        let unknown = all_bytes(address, &one_of(&eve, NOBODYS)).await?;
        assert!(another.ends_with(b"no such order"), "{}", String::from_utf8_lossy(&another));
        assert_eq!(String::from_utf8_lossy(&another), String::from_utf8_lossy(&unknown));
        ann.outcome(&order).await?;
        assert_eq!(all_bytes(address, &one_of(&eve, &order)).await?, unknown, "of an order that is final");
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_users_cursor_opens_only_ones_own_past() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (client, address) = (shop.client()?, shop.orders[0].address()?);
        let (ann, eve) = (client.user("ann"), client.user("eve"));
        let mut hers = Socket::connect(address, &all_of(&ann)).await?;
        hers.ready().await?;
        let cursor = hers.cursor.clone();
        let (own, first) = (ann.order("1").await?, eve.order("2").await?);
        hers.know_final(std::slice::from_ref(&own)).await?;
        eve.outcome(&first).await?;

        let path = format!("{}&after={}", all_of(&eve), cursor.unwrap_or_default());
        let mut socket = Socket::connect(address, &path).await?;
        let past: Vec<_> = socket.ready().await?.into_iter().map(|news| news.order_id).collect();
        assert_eq!(past, [first]);
        let (next, last) = (ann.order("1").await?, eve.order("2").await?);
        hers.know_final(&[next]).await?;
        socket.know_final(std::slice::from_ref(&last)).await?;
        assert!(socket.known.keys().all(|order| [&past[0], &last].contains(&order)), "{:?}", socket.known);
        assert_eq!(hers.known.len(), 2, "{:?}", hers.known);
        Ok(Arc::default())
    })
    .await
}
