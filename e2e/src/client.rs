//! A client of the shop as its users have one: HTTP, one request after the other to one instance after the other.
//! Absent: retries, unless a test asks for them by [`User::insist`].

use crate::{
    metrics,
    process::Endpoint,
    wait::{LIMIT, eventually},
};
use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Who talks to the shop's instances. A cheap clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    orders: Arc<[Endpoint]>,
    payments: Arc<[Endpoint]>,
    turn: Arc<AtomicUsize>,
    troubles: Arc<AtomicUsize>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, with names in small letters.
    pub headers: HashMap<String, String>,
    /// Its body, byte for byte.
    pub text: String,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body of an answer that must have this status.
    ///
    /// # Errors
    /// With the whole answer, when it has another.
    pub fn expect(&self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "{status} was expected, not {self:?}");
        Ok(self.json())
    }

    /// Whether the same request may do better later: the shop says that it is its own fault.
    fn is_for_now(&self) -> bool {
        self.status >= 500
    }
}

/// A call: method, path, body, Idempotency-Key.
#[derive(Clone, Debug)]
struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    key: Option<String>,
}

impl Call {
    fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None, key: None }
    }

    fn post(path: impl Into<String>, body: Option<Value>, key: Option<&str>) -> Self {
        Self { method: Method::POST, path: path.into(), body, key: key.map(str::to_owned) }
    }

    fn is_for_payments(&self) -> bool {
        self.path.starts_with("/accounts") || self.path.starts_with("/payments")
    }
}

impl Client {
    /// A client of these instances.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn of(orders: Arc<[Endpoint]>, payments: Arc<[Endpoint]>) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(LIMIT).build()?;
        Ok(Self { http, orders, payments, turn: Arc::default(), troubles: Arc::default() })
    }

    /// One of the shop's users.
    pub fn user(&self, id: impl Into<String>) -> User {
        User { client: self.clone(), id: id.into() }
    }

    /// Where the instances of orders listen that run.
    pub fn orders(&self) -> Vec<SocketAddr> {
        self.orders.iter().filter_map(Endpoint::get).collect()
    }

    /// `GET`s a page of operation from every instance that runs.
    async fn operation(&self, path: &str) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        for endpoint in self.orders.iter().chain(self.payments.iter()) {
            if let Some(address) = endpoint.get() {
                answers.push(answer(self.http.get(format!("http://{address}{path}"))).await?);
            }
        }
        Ok(answers)
    }

    /// How many requests so far had to be repeated, because of an answer from 500 on or for want of one.
    pub fn troubles(&self) -> usize {
        self.troubles.load(Ordering::Relaxed)
    }

    /// Whether all instances that run are ready.
    ///
    /// # Errors
    /// When one gives no answer.
    pub async fn ready(&self) -> Result<bool> {
        Ok(self.readiness().await?.iter().all(|answer| answer.status == 200))
    }

    /// What each instance that runs says about being ready.
    ///
    /// # Errors
    /// When one gives no answer.
    pub async fn readiness(&self) -> Result<Vec<Answer>> {
        self.operation("/readyz").await
    }

    /// The sum of a counter or gauge over all instances that run, and over all its series with this label, written `actor="ledger"`.
    ///
    /// # Errors
    /// When one gives no answer.
    pub async fn counted(&self, name: &str, label: &str) -> Result<u64> {
        let pages = self.operation("/metrics").await?;
        Ok(pages.iter().map(|page| metrics::sum(&page.text, name, label)).sum())
    }

    /// Sends the call to the next instance that runs.
    async fn send(&self, user: &str, call: &Call) -> Result<Answer> {
        let endpoints = if call.is_for_payments() { &self.payments } else { &self.orders };
        // The embedded shop is one process for all.
        let endpoints = if endpoints.is_empty() { &self.orders } else { endpoints };
        let running: Vec<_> = endpoints.iter().filter_map(Endpoint::get).collect();
        ensure!(!running.is_empty(), "no instance runs for {}", call.path);
        let address = running[self.turn.fetch_add(1, Ordering::Relaxed) % running.len()];
        let url = format!("http://{address}{}", call.path);
        let mut request = self.http.request(call.method.clone(), url).header("x-user-id", user);
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key);
        }
        let again = request.try_clone().context("a body that is in memory")?;
        match answer(request).await? {
            // It is about the connection: hundreds are opened at once, and on a busy machine this one was let go before the call was on it.
            late if late.status == StatusCode::REQUEST_TIMEOUT.as_u16() => answer(again).await,
            answer => Ok(answer),
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = response.headers().iter().map(header).collect();
    Ok(Answer { status, headers, text: response.text().await? })
}

/// A user of the shop. A cheap clone.
#[derive(Clone, Debug)]
pub struct User {
    client: Client,
    /// The user's id.
    pub id: String,
}

impl User {
    async fn send(&self, call: &Call) -> Result<Answer> {
        self.client.send(&self.id, call).await
    }

    /// Any `GET`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(&Call::get(path)).await
    }

    /// Opens the account.
    ///
    /// # Errors
    /// Unless it is open then.
    pub async fn open_account(&self) -> Result<()> {
        let opened = self.insist(Call::post("/accounts", None, None)).await?;
        // A repeat after an answer that got lost.
        ensure!([201, 409].contains(&opened.status), "no account: {opened:?}");
        Ok(())
    }

    /// Tops up, once.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn top_up(&self, amount: &str, key: Option<&str>) -> Result<Answer> {
        self.send(&Call::post("/accounts/topup", Some(json!({"amount": amount})), key)).await
    }

    /// Tops up under a key, again and again until the shop says that the money is there.
    ///
    /// # Errors
    /// When it says anything else, or nothing for too long.
    pub async fn top_up_surely(&self, amount: &str, key: &str) -> Result<Answer> {
        self.insist(Call::post("/accounts/topup", Some(json!({"amount": amount})), Some(key))).await
    }

    /// An account with this much on it.
    ///
    /// # Errors
    /// When that cannot be had.
    pub async fn with_money(self, amount: &str) -> Result<Self> {
        self.open_account().await?;
        self.top_up_surely(amount, "first-money").await?.expect(200)?;
        Ok(self)
    }

    /// Places an order, once.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn place(&self, amount: &str, key: Option<&str>) -> Result<Answer> {
        self.send(&Call::post("/orders", Some(json!({"amount": amount})), key)).await
    }

    /// Places an order with a description, once.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn place_described(&self, amount: &str, key: &str, description: &str) -> Result<Answer> {
        let body = json!({"amount": amount, "description": description});
        self.send(&Call::post("/orders", Some(body), Some(key))).await
    }

    /// Places an order that must be accepted; gives its id.
    ///
    /// # Errors
    /// When it is not.
    pub async fn order(&self, amount: &str) -> Result<String> {
        id(&self.place(amount, None).await?)
    }

    /// Places an order under a key, again and again until the shop has accepted it; gives its id.
    ///
    /// # Errors
    /// When the shop says anything else, or nothing for too long.
    pub async fn order_surely(&self, amount: &str, key: &str) -> Result<String> {
        id(&self.insist(Call::post("/orders", Some(json!({"amount": amount})), Some(key))).await?)
    }

    /// Wishes that an order be cancelled, once.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn cancel(&self, order: &str) -> Result<Answer> {
        self.send(&Call::post(format!("/orders/{order}/cancel"), None, None)).await
    }

    /// Wishes that an order be cancelled, again and again until the shop has recorded it or says that it is final; gives which.
    ///
    /// # Errors
    /// When the shop says anything else, or nothing for too long.
    pub async fn cancel_surely(&self, order: &str) -> Result<bool> {
        let answer = self.insist(Call::post(format!("/orders/{order}/cancel"), None, None)).await?;
        ensure!([202, 409].contains(&answer.status), "a cancel is recorded or too late: {answer:?}");
        Ok(answer.status == 202)
    }

    /// Waits until the order is final; gives its status and reason, such as `CANCELLED insufficient_funds`.
    ///
    /// # Errors
    /// When it does not become so.
    pub async fn outcome(&self, order: &str) -> Result<String> {
        eventually(&format!("order {order} to be final"), || async move {
            let order = self.insist(Call::get(format!("/orders/{order}"))).await?.expect(200)?;
            let words: Vec<_> = [&order["status"], &order["reason"]].into_iter().filter_map(Value::as_str).collect();
            Ok((words != ["NEW"]).then(|| words.join(" ")))
        })
        .await
    }

    /// All orders, newest first, through all pages.
    ///
    /// # Errors
    /// When a page cannot be had.
    pub async fn all_orders(&self) -> Result<Vec<Value>> {
        self.all_pages("/orders", "orders").await
    }

    /// All entries of the account, newest first, through all pages.
    ///
    /// # Errors
    /// When a page cannot be had.
    pub async fn all_transactions(&self) -> Result<Vec<Value>> {
        self.all_pages("/accounts/transactions", "transactions").await
    }

    async fn all_pages(&self, list: &str, field: &str) -> Result<Vec<Value>> {
        let (mut all, mut path) = (Vec::new(), format!("{list}?limit=100"));
        loop {
            let page = self.insist(Call::get(&path)).await?.expect(200)?;
            all.extend(page[field].as_array().with_context(|| format!("a page has {field}"))?.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("{list}?limit=100&cursor={cursor}"),
                None => return Ok(all),
            }
        }
    }

    /// What is on the account.
    ///
    /// # Errors
    /// When there is none.
    pub async fn balance(&self) -> Result<String> {
        let balance = self.insist(Call::get("/accounts/balance")).await?.expect(200)?;
        Ok(balance["balance"].as_str().context("a balance is a text")?.to_owned())
    }

    /// Repeats the call until the shop gives an answer that is not about its own troubles.
    async fn insist(&self, call: Call) -> Result<Answer> {
        let call = &call;
        eventually(&format!("an answer to {call:?}"), || async move {
            let answer = self.send(call).await.ok().filter(|answer| !answer.is_for_now());
            self.client.troubles.fetch_add(usize::from(answer.is_none()), Ordering::Relaxed);
            Ok(answer)
        })
        .await
    }
}

fn id(placed: &Answer) -> Result<String> {
    let order = placed.expect(StatusCode::CREATED.as_u16())?;
    Ok(order["id"].as_str().context("an order has an id")?.to_owned())
}
