//! A client of the shop's WebSockets: typed messages, what they have told so far, and the cursor to resume from.
//! Absent: resuming by itself; a test says when, and at which instance.

use crate::{Client, Process, Shop, User, wait::LIMIT};
use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

/// What the receive buffer of a client that does not read is to hold, so that the server notices soon.
const NARROW: u32 = 4096;
/// What the protocol allows.
const MOST_IN_A_PING: usize = 125;

/// What is said about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Which.
    pub order_id: String,
    /// Its status and reason, such as `CANCELLED insufficient_funds`.
    pub outcome: String,
    /// The `payment_status` of an update.
    pub payment_status: Option<String>,
    /// Its version.
    pub version: i64,
}

impl News {
    /// From a push, or from an order in a list, where its id has another name.
    fn read(message: &Value, id: &str) -> Result<Self> {
        let text = |field: &str| message[field].as_str().map(str::to_owned);
        let must = |field: &str| text(field).with_context(|| format!("{field} is missing in {message}"));
        ensure!(text("amount").is_some() && message.get("reason").is_some(), "a field is missing in {message}");
        let words = [Some(must("status")?), text("reason")];
        Ok(Self {
            order_id: must(id)?,
            outcome: words.into_iter().flatten().collect::<Vec<_>>().join(" "),
            payment_status: text("payment_status"),
            version: message["version"].as_i64().context("a version is a number")?,
        })
    }
}

/// What comes over a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// How an order stands.
    Snapshot(News),
    /// All snapshots of this user were sent.
    Ready(String),
    /// An order changed.
    Update(News),
    /// The server asks whether we live; the answer is on its way.
    Ping,
    /// The answer to our own ping.
    Pong,
    /// The end: the server's close code, or none when the connection was cut.
    End(Option<u16>),
}

/// A socket, and what its client knows by it and by those before it.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Where this client can resume.
    pub cursor: Option<String>,
    /// The last news of each order.
    pub known: BTreeMap<String, News>,
}

impl Socket {
    /// Connects to `ws://<address><path>`. The user id is in the path's query, as a browser has to put it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn connect(address: SocketAddr, path: &str) -> Result<Self> {
        Self::over(TcpStream::connect(address).await?, address, path).await
    }

    /// Connects with so small a receive buffer that the server soon notices a client that does not read.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn connect_narrow(address: SocketAddr, path: &str) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(NARROW)?;
        Self::over(socket.connect(address).await?, address, path).await
    }

    async fn over(stream: TcpStream, address: SocketAddr, path: &str) -> Result<Self> {
        let upgrade = timeout(LIMIT, client_async(format!("ws://{address}{path}"), stream));
        let (stream, _) = upgrade.await.context("no answer to the upgrade")??;
        Ok(Self { stream, cursor: None, known: BTreeMap::new() })
    }

    /// A new socket to all orders of the user, from where this one was. This one's connection is cut without a word.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn resume(self, address: SocketAddr, user: &User) -> Result<Self> {
        let Self { stream, cursor, known } = self;
        drop(stream);
        let cursor = cursor.context("nothing was heard to resume from")?;
        let next = Self::connect(address, &format!("/ws/orders?user_id={}&after={cursor}", user.id)).await?;
        Ok(Self { stream: next.stream, cursor: Some(cursor), known })
    }

    /// Asks whether the server lives.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn ping(&mut self) -> Result<()> {
        Ok(self.stream.send(Message::Ping("there?".into())).await?)
    }

    /// Pings again and again and reads no answer, for ever: so the buffers on the way back fill up. To be broken off.
    pub async fn ping_without_reading(&mut self) {
        loop {
            let ping = Message::Ping(vec![b'?'; MOST_IN_A_PING].into());
            if self.stream.send(ping).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// The next message, whatever it is. After the end there is only the end again.
    ///
    /// # Errors
    /// When nothing comes for too long, it cannot be read, or an older version comes after a newer one.
    pub async fn next(&mut self) -> Result<Pushed> {
        let pushed = self.hear().await?;
        let (Pushed::Snapshot(news) | Pushed::Update(news)) = &pushed else { return Ok(pushed) };
        if let Some(known) = self.known.insert(news.order_id.clone(), news.clone()) {
            ensure!(known.version <= news.version, "{news:?} came after {known:?}");
        }
        Ok(pushed)
    }

    /// The next message, whatever it says, even if it is older than what is known.
    ///
    /// # Errors
    /// When nothing comes for too long, or it cannot be read.
    pub async fn hear(&mut self) -> Result<Pushed> {
        let next = timeout(LIMIT, self.stream.next()).await;
        match next.with_context(|| format!("nothing was pushed for {LIMIT:?}"))? {
            Some(Ok(Message::Text(text))) => self.take(serde_json::from_str(&text)?),
            Some(Ok(Message::Ping(_))) => Ok(Pushed::Ping),
            Some(Ok(Message::Pong(_))) => Ok(Pushed::Pong),
            Some(Ok(Message::Close(frame))) => Ok(Pushed::End(frame.map(|frame| frame.code.into()))),
            Some(Err(Error::Io(_) | Error::Protocol(_) | Error::ConnectionClosed)) | None => Ok(Pushed::End(None)),
            Some(other) => bail!("{other:?} was not expected"),
        }
    }

    fn take(&mut self, message: Value) -> Result<Pushed> {
        self.cursor = Some(message["cursor"].as_str().with_context(|| format!("no cursor in {message}"))?.to_owned());
        let news = match message["type"].as_str() {
            Some("ready") => {
                let user = message["user_id"].as_str().with_context(|| format!("no user_id in {message}"))?;
                return Ok(Pushed::Ready(user.to_owned()));
            }
            Some("snapshot" | "update") => News::read(&message, "order_id")?,
            _ => bail!("{message} was not expected"),
        };
        let update = message["type"] == "update";
        let payment = update.then(|| if news.outcome == "FINISHED" { "succeeded" } else { "failed" });
        ensure!(news.payment_status.as_deref() == payment, "{message} has another payment_status than {payment:?}");
        Ok(if update { Pushed::Update(news) } else { Pushed::Snapshot(news) })
    }

    /// Reads to the ready mark; gives the snapshots before it.
    ///
    /// # Errors
    /// When anything else comes first.
    pub async fn ready(&mut self) -> Result<Vec<News>> {
        let mut snapshots = Vec::new();
        loop {
            match self.next().await? {
                Pushed::Snapshot(news) => snapshots.push(news),
                Pushed::Ready(_) => return Ok(snapshots),
                other => bail!("{other:?} came before the ready mark"),
            }
        }
    }

    /// Reads updates until it knows all these orders to be final.
    ///
    /// # Errors
    /// When the socket ends before.
    pub async fn know_final(&mut self, orders: &[String]) -> Result<()> {
        let is_final =
            |known: &BTreeMap<String, News>, order: &String| known.get(order).is_some_and(|news| news.outcome != "NEW");
        // From the one that was missing last: a look at all of them for each message would be too many.
        let mut first = 0;
        loop {
            first += orders[first..].iter().take_while(|order| is_final(&self.known, order)).count();
            if first == orders.len() {
                return Ok(());
            }
            let next = self.next().await.with_context(|| format!("{} is not known to be final", orders[first]))?;
            ensure!(!matches!(next, Pushed::End(_) | Pushed::Snapshot(_)), "{next:?} came too early");
        }
    }

    /// Reads to the end; gives the close code, or none when the connection was cut.
    ///
    /// # Errors
    /// When the end does not come.
    pub async fn end(&mut self) -> Result<Option<u16>> {
        loop {
            if let Pushed::End(code) = self.next().await? {
                return Ok(code);
            }
        }
    }

    /// Checks that what was told is exactly the user's list.
    ///
    /// # Errors
    /// When it is not.
    pub async fn check_against(&self, user: &User) -> Result<()> {
        let orders = user.all_orders().await?;
        let list = orders.iter().map(|order| News::read(order, "id")).collect::<Result<Vec<_>>>()?;
        let (told, list) = (brief(self.known.values()), brief(&list));
        ensure!(told == list, "{} was told {told:?}, but the list is {list:?}", user.id);
        Ok(())
    }
}

fn brief<'a>(news: impl IntoIterator<Item = &'a News>) -> BTreeMap<&'a str, (&'a str, i64)> {
    news.into_iter().map(|news| (news.order_id.as_str(), (news.outcome.as_str(), news.version))).collect()
}

/// All orders of a user.
pub fn all_of(user: &User) -> String {
    format!("/ws/orders?user_id={}", user.id)
}

/// One order of a user.
pub fn one_of(user: &User, order: &str) -> String {
    format!("/ws/orders/{order}?user_id={}", user.id)
}

impl Process {
    /// Where it listens.
    ///
    /// # Errors
    /// When it does not run.
    pub fn address(&self) -> Result<SocketAddr> {
        self.endpoint().get().context("it does not run")
    }
}

impl Shop {
    /// A client of one instance of orders only, and of all of payments.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn client_of(&self, orders: usize) -> Result<Client> {
        let payments = self.payments.iter().map(Process::endpoint).collect();
        Client::of(Arc::new([self.orders[orders].endpoint()]), payments)
    }

    /// Another instance of orders on the same books, not started, that reaches the broker by another URL.
    ///
    /// # Errors
    /// When the program is missing.
    #[cfg(feature = "servers")]
    pub fn orders_by_way_of(&self, broker_url: &str, prefix: &str) -> Result<Process> {
        let database = &self.books.urls().orders;
        let options = ["--database-url", database, "--broker-url", broker_url, "--broker-prefix", prefix];
        let program = crate::programs::service("orders-svc")?;
        let (name, logs) = ("orders-svc-roundabout".to_owned(), self.dir.path().to_owned());
        Ok(Process::new(name, program, options.map(Into::into).into(), logs))
    }
}
