//! The crowd of a run: users, their buyers and watchers, sent off and called back.
//! Absent: what each of them does (clients).

use crate::{
    clients::{BUYERS, Buyer, Recorder, Watcher, state},
    dice::Dice,
    history::{Order, TopUp, Truth},
};
use anyhow::{Context, Result, ensure};
use e2e::{Client, User};
use futures_util::future::{join_all, try_join_all};
use serde_json::Value;
use std::time::Duration;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// Accounts, each used by several buyers.
const USERS: usize = 4;
/// Clients with sockets, each user having several.
const WATCHERS: usize = 8;
/// For a shop in which nothing is wrong yet, on a slow machine.
const LIVE_WITHIN: Duration = Duration::from_secs(60);

/// Everybody.
#[derive(Debug)]
pub struct Crowd {
    users: Vec<User>,
    watchers: Vec<JoinHandle<()>>,
    buyers: Vec<JoinHandle<()>>,
    stop_buying: CancellationToken,
    stop_watching: CancellationToken,
}

impl Crowd {
    /// Opens accounts, lets the watchers in, and when all of them are live, the buyers.
    ///
    /// # Errors
    /// When an account is not opened or a watcher not let in.
    pub async fn gather(client: &Client, seed: u64, recorder: &Recorder) -> Result<Self> {
        let users: Vec<_> = (0..USERS).map(|number| client.user(format!("user-{number}"))).collect();
        try_join_all(users.iter().map(User::open_account)).await?;
        let (stop_buying, stop_watching) = (CancellationToken::new(), CancellationToken::new());
        let mut crowd = Self { users, watchers: Vec::new(), buyers: Vec::new(), stop_buying, stop_watching };
        let live = (0..WATCHERS).map(|number| crowd.watch(client, number, seed, recorder)).collect::<Vec<_>>();
        timeout(LIVE_WITHIN, try_join_all(live)).await.context("a watcher is not let in")??;
        for number in 0..BUYERS {
            let dice = Dice::of_part(seed, &format!("buyer {number}"));
            let buyer = Buyer::new(crowd.users[number % USERS].clone(), number, dice, recorder.clone());
            crowd.buyers.push(tokio::spawn(buyer.buy(crowd.stop_buying.clone())));
        }
        Ok(crowd)
    }

    fn watch(&mut self, client: &Client, number: usize, seed: u64, recorder: &Recorder) -> oneshot::Receiver<()> {
        let user = self.users[number % USERS].clone();
        let dice = Dice::of_part(seed, &format!("watcher {number}"));
        // Of each user one of either sort.
        let loyal = number < USERS;
        let number = recorder.watcher(&user.id);
        let watcher = Watcher { user, client: client.clone(), loyal, number, dice, recorder: recorder.clone() };
        let (live, is_live) = oneshot::channel();
        self.watchers.push(tokio::spawn(watcher.watch(live, self.stop_watching.clone())));
        is_live
    }

    /// Lets every buyer finish what it is about.
    ///
    /// # Errors
    /// When one of them does not come to an end.
    pub async fn stop_buying(&mut self, limit: Duration) -> Result<()> {
        self.stop_buying.cancel();
        let ended = timeout(limit, join_all(&mut self.buyers)).await;
        self.buyers.iter().for_each(JoinHandle::abort);
        let ended = ended.with_context(|| format!("a buyer's last order was not final within {limit:?}"))?;
        ensure!(ended.iter().all(Result::is_ok), "a buyer has panicked");
        Ok(())
    }

    /// Sends the watchers home.
    pub async fn stop_watching(&mut self) {
        self.stop_watching.cancel();
        join_all(self.watchers.drain(..)).await;
    }

    /// What the shop says now.
    ///
    /// # Errors
    /// When it does not, or not as agreed.
    pub async fn truth(&self) -> Result<Truth> {
        let mut truth = Truth::default();
        for user in &self.users {
            for order in user.all_orders().await? {
                truth.orders.push(read_order(user, &order).with_context(|| format!("no order: {order}"))?);
            }
            let entries = user.all_transactions().await?;
            let top_ups = entries.iter().filter(|entry| entry["kind"] == "topup");
            for entry in top_ups {
                truth.top_ups.push(read_top_up(user, entry).with_context(|| format!("no entry: {entry}"))?);
            }
        }
        Ok(truth)
    }
}

fn read_order(user: &User, order: &Value) -> Option<Order> {
    Some(Order {
        id: order["id"].as_str()?.to_owned(),
        user: user.id.clone(),
        key: order["description"].as_str().map(str::to_owned),
        amount: minor(&order["amount"])?,
        state: state(order)?,
    })
}

fn read_top_up(user: &User, entry: &Value) -> Option<TopUp> {
    let id = entry["id"].as_str()?.to_owned();
    Some(TopUp { id, user: user.id.clone(), amount: minor(&entry["amount"])? })
}

/// Minor units of an amount with two decimals.
fn minor(amount: &Value) -> Option<i64> {
    amount.as_str()?.replace('.', "").parse().ok()
}
