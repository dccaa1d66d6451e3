//! Every call of both OpenAPI documents, with another user's id, an unknown one, a malformed one, no identity, and two.
//! Absent: WebSockets (see the module `sockets`), and what the calls do for those who may make them.

use anyhow::{Context, ensure};
use e2e::{Result, Shop, User};
use reqwest::{Client, Method, Response};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// A status, and the `code` of a refusal.
type Verdict = (u16, &'static str);

const JSON: Option<&str> = Some("{}");
const MONEY: Option<&str> = Some(r#"{"amount": "1.00"}"#);

/// A call; what its owner is answered, whose order is final; and what a stranger is, who has an account and an order as well.
pub struct Row {
    method: &'static str,
    /// With `{id}` for an order.
    pub path: &'static str,
    body: Option<&'static str>,
    own: Verdict,
    stranger: Verdict,
}

const fn row(method: &'static str, path: &'static str, body: Option<&'static str>, own: Verdict) -> Row {
    Row { method, path, body, own, stranger: own }
}

/// A call that names an order.
const fn of_order(method: &'static str, path: &'static str, body: Option<&'static str>, own: Verdict) -> Row {
    Row { method, path, body, own, stranger: (404, "order_not_found") }
}

/// All of them.
pub const TABLE: [Row; 9] = [
    row("GET", "/orders", None, (200, "")),
    row("POST", "/orders", MONEY, (201, "")),
    of_order("GET", "/orders/{id}", None, (200, "")),
    of_order("GET", "/orders/{id}/timeline", None, (200, "")),
    of_order("POST", "/orders/{id}/cancel", JSON, (409, "order_already_final")),
    row("POST", "/accounts", JSON, (409, "account_exists")),
    row("GET", "/accounts/balance", None, (200, "")),
    row("POST", "/accounts/topup", MONEY, (200, "")),
    row("GET", "/accounts/transactions", None, (200, "")),
];

/// An order that nobody has.
const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";

/// What is no order's id: text, an id too long, an id with a byte that is no text.
const MALFORMED: [&str; 3] =
    ["mine", "01890000-0000-7000-8000-0000000000000", "01890000-0000-7000-8000-00000000000%ff"];

/// Headers that name nobody, or nobody for certain.
const IDENTITIES: [(&[&str], Verdict); 5] = [
    (&[], (400, "missing_user_id")),
    (&[""], (400, "invalid_user_id")),
    (&["ann", "eve"], (400, "invalid_user_id")),
    (&["eve", "ann"], (400, "invalid_user_id")),
    (&["ann", "ann"], (400, "invalid_user_id")),
];

/// Somebody at the door of a shop.
struct Door {
    http: Client,
    orders: String,
    payments: String,
}

/// What a client can tell answers apart by: all but the time and the id that each answer has of its own.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    /// In whatever order they come: a server's threads differ in that, whoever asks.
    headers: BTreeSet<(String, String)>,
    body: String,
}

impl Door {
    fn of(shop: &Shop) -> Result<Self> {
        let orders = shop.base()?;
        let payments = shop.payments.first().map_or(Ok(orders.clone()), |process| process.base())?;
        Ok(Self { http: Client::new(), orders, payments })
    }

    /// Makes the row's call about this order, as all of these users at once.
    async fn call(&self, row: &Row, order: &str, users: &[&str]) -> Result<Seen> {
        let base = if row.path.starts_with("/accounts") { &self.payments } else { &self.orders };
        // What only a WebSocket may be told this way helps nobody here.
        let url = format!("{base}{}?user_id=ann", row.path.replace("{id}", order));
        let request = self.http.request(Method::from_bytes(row.method.as_bytes())?, url);
        let request = users.iter().fold(request, |request, user| request.header("x-user-id", *user));
        let request = row
            .body
            .into_iter()
            .fold(request, |request, body| request.header("content-type", "application/json").body(body));
        seen(request.send().await?).await
    }
}

async fn seen(response: Response) -> Result<Seen> {
    let own = |name: &str| ["date", "x-request-id"].contains(&name);
    let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().filter(|(name, _)| !own(name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
    Ok(Seen { status: response.status().as_u16(), headers, body: response.text().await? })
}

impl Seen {
    fn verdict(&self) -> (u16, String) {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        (self.status, body["code"].as_str().unwrap_or_default().to_owned())
    }

    fn check(&self, row: &Row, why: &str, (status, code): Verdict) {
        assert_eq!(self.verdict(), (status, code.to_owned()), "{} {} {why}: {self:?}", row.method, row.path);
    }
}

/// What only its owner can see of what there is.
async fn belongings(user: &User, order: &str) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let order = format!("/orders/{order}");
    for path in [&order, &format!("{order}/timeline"), "/orders", "/accounts/balance", "/accounts/transactions"] {
        texts.push(user.get(path).await?.text);
    }
    Ok(texts)
}

/// Has strangers of every kind make these calls; afterwards the owner has what was there before.
async fn knock(door: &Door, rows: &[&Row], ann: &User, order: &str) -> Result<()> {
    let before = belongings(ann, order).await?;
    for row in rows {
        for (users, verdict) in IDENTITIES {
            door.call(row, order, users).await?.check(row, &format!("as {users:?}"), verdict);
        }
        let another = door.call(row, order, &["eve"]).await?;
        another.check(row, "as a stranger", row.stranger);
        assert!(!another.body.contains(&ann.id) && !another.body.contains(order), "{another:?} tells of another user");
        if row.path.contains("{id}") {
            let unknown = door.call(row, NOBODYS, &["eve"]).await?;
            assert_eq!(another, unknown, "{} {}: another's order is known by its answer", row.method, row.path);
            for id in MALFORMED {
                door.call(row, id, &["eve"]).await?.check(row, id, (400, "invalid_order_id"));
            }
        }
    }
    assert_eq!(belongings(ann, order).await?, before, "a stranger has changed something");
    Ok(())
}

/// The calls of a document.
async fn documented(user: &User, path: &str) -> Result<BTreeSet<(String, String)>> {
    let document = user.get(path).await?.expect(200)?;
    let paths = document["paths"].as_object().context("a document has paths")?;
    let calls = |(path, item): (&String, &Value)| {
        let methods = item.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
        methods.map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    Ok(paths.iter().flat_map(calls).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_tells_a_stranger_anything_and_every_call_is_in_the_table() -> Result<()> {
    let shop = Shop::embedded().await?;
    shop.judged_after(async |shop: &mut Shop| {
        let (client, door) = (shop.client()?, Door::of(shop)?);
        let (ann, eve) = (client.user("ann").with_money("9").await?, client.user("eve").with_money("7").await?);
        let order = ann.order("3").await?;
        ensure!(ann.outcome(&order).await? == "FINISHED" && eve.outcome(&eve.order("2").await?).await? == "FINISHED");

        let mut calls = documented(&ann, "/orders/openapi.json").await?;
        calls.extend(documented(&ann, "/payments/openapi.json").await?);
        let table: BTreeSet<_> = TABLE.iter().map(|row| (row.method.to_owned(), row.path.to_owned())).collect();
        assert_eq!(table, calls);

        knock(&door, &TABLE.each_ref(), &ann, &order).await?;
        for row in &TABLE {
            door.call(row, &order, &["ann"]).await?.check(row, "as its owner", row.own);
        }
        Ok(Arc::default())
    })
    .await
}

#[cfg(feature = "servers")]
mod on_servers {
    use super::*;
    use e2e::Plan;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stranger_learns_as_little_of_an_order_that_can_still_be_cancelled() -> Result<()> {
        let shop = Plan::of(1, 1).open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let (client, door) = (shop.client()?, Door::of(shop)?);
            let ann = client.user("ann").with_money("9").await?;
            client.user("eve").open_account().await?;
            // Nobody decides about the order now.
            shop.payments[0].freeze().await?;
            let order = ann.order("3").await?;
            let rows: Vec<_> = TABLE.iter().filter(|row| row.path.contains("{id}")).collect();
            let before = ann.get(&format!("/orders/{order}")).await?;
            for row in &rows {
                let another = door.call(row, &order, &["eve"]).await?;
                another.check(row, "as a stranger", row.stranger);
                assert_eq!(another, door.call(row, NOBODYS, &["eve"]).await?);
            }
            assert_eq!(ann.get(&format!("/orders/{order}")).await?.text, before.text);
            let own = door.call(rows[2], &order, &["ann"]).await?;
            own.check(rows[2], "as its owner", (202, ""));
            shop.payments[0].thaw().await?;
            ensure!(ann.outcome(&order).await?.starts_with("CANCELLED"));
            Ok(Arc::default())
        })
        .await
    }
}
