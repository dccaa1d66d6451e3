//! Load on the shop, and what its clients were promised meanwhile.
//! Absent: randomness, and load for its own sake (the benchmark has that).
//!
//! A buyer looks up for a moment after each order: buyers at full speed would take the machine from the shops of other tests, and fill
//! the databases that every audit reads as a whole. Now and then a buyer waits until an order is final. So there is only so much under way while nobody can answer, and a server
//! that is starting again does not have to share the machine with buyers at full speed.

use crate::{Client, User, until};
use anyhow::{Result, ensure};
use futures_util::future::{join_all, try_join_all};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

/// What the account of each user begins with, in whole units. Enough for some orders only, so that others are declined.
const FIRST_MONEY: i64 = 40;
/// Between two orders of a buyer: several buyers together still keep every part of a shop at work at once.
const LOOKING_UP: Duration = Duration::from_millis(40);
/// Every so many orders comes a top-up of as many units.
const TOP_UP_EVERY: usize = 8;
/// Every so many orders a buyer waits for the outcome.
const WAIT_EVERY: usize = 25;
/// Every so many orders a buyer who changes his mind cancels at once.
const CANCEL_EVERY: usize = 3;

/// What clients were promised: every order that was answered 201, and all the money that was answered 200.
#[derive(Debug, Default)]
pub struct Receipts {
    orders: Mutex<BTreeMap<String, BTreeSet<String>>>,
    cancelled: Mutex<BTreeSet<String>>,
    number: AtomicUsize,
    topped_up: AtomicI64,
}

impl Receipts {
    fn note_order(&self, user: &User, order: String) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.entry(user.id.clone()).or_default().insert(order);
        self.number.fetch_add(1, Ordering::Relaxed);
    }

    fn note_cancel(&self, order: String) {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).insert(order);
    }

    fn note_money(&self, units: i64) {
        self.topped_up.fetch_add(units, Ordering::Relaxed);
    }

    /// Orders accepted so far.
    pub fn accepted(&self) -> usize {
        self.number.load(Ordering::Relaxed)
    }

    /// All the money that was put in, as the audit prints it.
    pub fn money(&self) -> String {
        format!("{}.00", self.topped_up.load(Ordering::Relaxed))
    }

    /// Checks that the shop has exactly the orders that it promised, all of them final, and that none was finished whose cancel was
    /// recorded. Nothing may be under way any more.
    ///
    /// # Errors
    /// When an order is missing, was made twice, is not final, or not cancelled as it was promised to be.
    pub async fn check(&self, client: &Client) -> Result<()> {
        let promised = self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let cancelled = &self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).clone();
        try_join_all(promised.iter().map(|(user, promised)| async move {
            let orders = client.user(user).all_orders().await?;
            let open: Vec<_> = orders.iter().filter(|order| order["status"] == "NEW").collect();
            ensure!(open.is_empty(), "{user} has orders that are not final: {open:?}");
            let finished = orders.iter().filter(|order| order["status"] == "FINISHED");
            let in_spite: Vec<_> =
                finished.filter_map(|order| order["id"].as_str()).filter(|id| cancelled.contains(*id)).collect();
            ensure!(in_spite.is_empty(), "{user} has to pay for what was cancelled: {in_spite:?}");
            let there: BTreeSet<_> =
                orders.iter().filter_map(|order| order["id"].as_str()).map(str::to_owned).collect();
            ensure!(there.len() == orders.len(), "{user} was shown an order twice");
            let lost: Vec<_> = promised.difference(&there).collect();
            let made_twice: Vec<_> = there.difference(promised).collect();
            ensure!(lost.is_empty() && made_twice.is_empty(), "{user}: lost {lost:?}, made twice {made_twice:?}");
            Ok(())
        }))
        .await
        .map(drop)
    }
}

/// Buyers at work until told to stop.
#[derive(Debug)]
pub struct Traffic {
    client: Client,
    receipts: Arc<Receipts>,
    stop: CancellationToken,
    buyers: Vec<JoinHandle<Result<()>>>,
}

impl Traffic {
    /// Sends `buyers` at once, who share the accounts of `users`.
    ///
    /// # Errors
    /// When an account cannot be opened.
    pub async fn start(client: &Client, users: usize, buyers: usize) -> Result<Self> {
        Self::start_all(client, users, buyers, false).await
    }

    /// As [`Self::start`], with buyers who change their minds: they cancel some orders as soon as they are placed.
    ///
    /// # Errors
    /// When an account cannot be opened.
    pub async fn start_fickle(client: &Client, users: usize, buyers: usize) -> Result<Self> {
        Self::start_all(client, users, buyers, true).await
    }

    async fn start_all(client: &Client, users: usize, buyers: usize, fickle: bool) -> Result<Self> {
        let (receipts, stop) = (Arc::new(Receipts::default()), CancellationToken::new());
        let users: Vec<_> = (0..users).map(|number| client.user(format!("buyer-{number}"))).collect();
        let money = FIRST_MONEY.to_string();
        try_join_all(users.iter().map(|user| user.clone().with_money(&money))).await?;
        users.iter().for_each(|_| receipts.note_money(FIRST_MONEY));
        let buy = |number: usize| {
            let (user, receipts) = (users[number % users.len()].clone(), receipts.clone());
            let buyer = Buyer { user, number, fickle, receipts };
            tokio::spawn(buyer.buy(stop.clone()))
        };
        let buyers = (0..buyers).map(buy).collect();
        Ok(Self { client: client.clone(), receipts, stop, buyers })
    }

    /// Waits until so many more orders have been accepted.
    ///
    /// # Errors
    /// When that takes too long, or a buyer has given up.
    pub async fn goes_on(&self, orders: usize) -> Result<()> {
        let goal = self.receipts.accepted() + orders;
        until(&format!("{orders} more orders"), || async move {
            let at_work = self.buyers.iter().all(|buyer| !buyer.is_finished());
            ensure!(at_work, "a buyer has given up");
            Ok(self.receipts.accepted() >= goal)
        })
        .await
    }

    /// Lets everybody finish what they are about, and gives what was promised.
    ///
    /// # Errors
    /// With the first buyer's complaint.
    pub async fn stop(self) -> Result<Arc<Receipts>> {
        self.stop.cancel();
        for buyer in join_all(self.buyers).await {
            buyer??;
        }
        Ok(self.receipts)
    }

    /// The client that the buyers share.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

struct Buyer {
    user: User,
    number: usize,
    fickle: bool,
    receipts: Arc<Receipts>,
}

impl Buyer {
    async fn buy(self, stop: CancellationToken) -> Result<()> {
        for turn in 0_usize.. {
            if stop.is_cancelled() {
                break;
            }
            let key = format!("{}-{turn}", self.number);
            if turn % TOP_UP_EVERY == TOP_UP_EVERY - 1 {
                let units = i64::try_from(TOP_UP_EVERY)?;
                self.user.top_up_surely(&units.to_string(), &key).await?.expect(200)?;
                self.receipts.note_money(units);
            }
            let amount = if turn % 2 == 0 { "1" } else { "2.50" };
            let order = self.user.order_surely(amount, &key).await?;
            self.receipts.note_order(&self.user, order.clone());
            if self.fickle && turn % CANCEL_EVERY == CANCEL_EVERY - 1 && self.user.cancel_surely(&order).await? {
                self.receipts.note_cancel(order.clone());
            }
            if turn % WAIT_EVERY == WAIT_EVERY - 1 {
                self.user.outcome(&order).await?;
            }
            sleep(LOOKING_UP).await;
        }
        Ok(())
    }
}
