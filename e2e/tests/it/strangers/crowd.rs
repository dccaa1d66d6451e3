//! Ten thousand slow connections: heads, later heads and bodies byte by byte, answers that nobody reads. Ordinary
//! clients are served meanwhile, the shop lets all of the crowd go by itself, and afterwards it holds nothing of them.
//! Absent: how long anything takes, and single deadlines (edge/tests has those).

use anyhow::{Context, ensure};
use e2e::{Process, Result, Shop, until};
use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// All of them. The shop has as many connections for one worker.
const CROWD: usize = 10_000;
/// Of those, how many read nothing: each fills the system's buffers on both sides, and those belong to all tests together.
const READERS: usize = 50;
/// What else a test program and a shop have open.
const OTHER_FILES: usize = 500;
/// The pause before a slow client's next byte.
const TRICKLE: Duration = Duration::from_secs(1);

const FIRST: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
const BODY: &str = "POST /orders HTTP/1.1\r\nHost: x\r\nX-User-Id: eve\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n";
const UNWANTED: &str = "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n";

/// What a slow client sends at once, and then byte by byte. None is silent for ever: if its connection never got through to the shop, only
/// what it sends tells it that there is nobody.
fn kinds() -> [(String, u8); 5] {
    [
        (String::new(), b'G'),
        ("GET /orders HTTP/1.1\r\nX-A: ".to_owned(), b'a'),
        (format!("{FIRST}GET /orders HTTP/1.1\r\nX-A: "), b'a'),
        (BODY.to_owned(), b' '),
        (UNWANTED.to_owned(), b'a'),
    ]
}

/// The crowd: how many have a connection, and whether those whose connection ends come again.
#[derive(Debug, Default)]
struct Crowd {
    connected: AtomicUsize,
    over: AtomicBool,
}

impl Crowd {
    /// Comes again and again until it is over, and then waits until it is let go.
    async fn visit(self: Arc<Self>, address: SocketAddr, member: usize) -> Result<()> {
        while !self.over.load(Ordering::Relaxed) {
            let stream = narrow(address).await?;
            self.connected.fetch_add(1, Ordering::Relaxed);
            if member < READERS {
                ask_and_ask(stream).await
            } else {
                dawdle(stream, &kinds()[member % 5]).await
            }
            self.connected.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A connection with a small window: what is not read fills it soon.
async fn narrow(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    Ok(socket.connect(address).await?)
}

/// Until the shop ends it.
async fn dawdle(mut stream: TcpStream, (first, more): &(String, u8)) {
    let mut buffer = [0; 4_096];
    let mut sent = stream.write_all(first.as_bytes()).await.is_ok();
    while sent {
        match timeout(TRICKLE, stream.read(&mut buffer)).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return,
            Err(_) => sent = stream.write_all(&[*more]).await.is_ok(),
        }
    }
}

/// Until there is no room for another request, and then until the shop ends it.
async fn ask_and_ask(mut stream: TcpStream) {
    let asked = "GET /orders/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    while stream.write_all(asked.as_bytes()).await.is_ok() {}
}

/// Files that a process has open, connections among them.
fn files(process: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{process}/fd"))?.count())
}

/// What a process has in memory, in KiB.
fn memory(process: u32) -> Result<usize> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a process has memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// As many as this process may have connections to.
fn crowd_that_fits() -> Result<usize> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).context("a limit of files")?;
    let most: usize = line.split_whitespace().next().context("a soft limit")?.parse().unwrap_or(usize::MAX);
    let crowd = CROWD.min(most.saturating_sub(OTHER_FILES));
    ensure!(crowd >= 500, "{most} open files are too few for a crowd: raise the limit, such as by ulimit -n 20000");
    Ok(crowd)
}

#[expect(
    clippy::print_stderr,
    reason = "figures for whoever runs it alone, and a crowd that is too small is said loudly"
)]
fn report(crowd: usize, before: usize, during: usize) {
    let each = during.saturating_sub(before) * 1_024 / crowd;
    eprintln!(
        "{crowd} of {CROWD} slow connections; memory {before} KiB before, {during} KiB during: {each} bytes each"
    );
}

/// Waits until this many of the crowd are connected; the shop's own files say so, too.
async fn gathered(crowd: &Crowd, process: u32, most: usize) -> Result<()> {
    // Those who are let go come again, so at every moment some are on their way.
    until("the crowd to be there", async || {
        Ok(crowd.connected.load(Ordering::Relaxed) >= most * 9 / 10 && files(process)? >= most * 9 / 10)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_slow_connections_keep_nobody_from_ordering_and_are_all_let_go() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (client, most) = (shop.client()?, crowd_that_fits()?);
        let (address, process) = (shop.orders[0].address()?, Process::id(&shop.orders[0])?);
        let ann = &client.user("ann").with_money("1000").await?;
        ann.outcome(&ann.order("1").await?).await?;
        let (before, memory_before, crowd) = (files(process)?, memory(process)?, Arc::new(Crowd::default()));

        let mut visits = JoinSet::new();
        (0..most).for_each(|member| drop(visits.spawn(Arc::clone(&crowd).visit(address, member))));
        gathered(&crowd, process, most).await?;
        report(most, memory_before, memory(process)?);
        // One after the other: a client's own idle connections would have to be waited for in the end.
        for _ in 0..20 {
            assert_eq!(ann.outcome(&ann.order("1").await?).await?, "FINISHED");
        }
        gathered(&crowd, process, most).await.context("it was there all the time")?;

        crowd.over.store(true, Ordering::Relaxed);
        while let Some(visit) = visits.join_next().await {
            visit??;
        }
        until("the shop to hold nothing of them", async || Ok(files(process)? <= before + 16)).await?;
        assert_eq!(client.user("eve").all_orders().await?.len(), 0);
        Ok(Arc::default())
    })
    .await
}
