//! Buyers: they place orders, cancel them and put money on their accounts, ask again when nobody answers, and remember what they
//! were told. Absent: the verdict on it (laws).

use crate::{house::House, world::World};
use orders_svc::{order::OrderDraft, placing, settling};
use payments_svc::accounts::{
    account::{Command, Outcome},
    ledger::Task,
};
use saga::{
    Amount, OrderId, TransactionId, UserId,
    order::{CancelCause, Event},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use store::chance;
use telemetry::TraceContext;
use tokio::time::timeout;

/// The last one has no account.
const USERS: [&str; 4] = ["ann", "bob", "cid", "nobody"];
/// Those that have one.
const WITH_ACCOUNT: usize = 3;
/// Buyers at work at the same time.
const BUYERS: u64 = 5;
/// What each one does, at most.
const MOST_DEEDS: u64 = 5;
/// Between two deeds, at most: in some worlds all do everything at once, in some they take their time.
const RESTS_MS: [u64; 3] = [5, 300, 1_500];
/// How long a buyer waits for an answer, as its HTTP client would.
const PATIENCE: Duration = Duration::from_secs(5);
/// And how long it waits before it asks again.
const AGAIN_MS: u64 = 3_000;
/// One of so many gives up instead.
const GIVES_UP: u64 = 6;
/// Whole units.
const UNIT: i64 = 100;

/// What the buyers know.
#[derive(Debug, Default)]
pub struct Memory {
    /// By user and key: what was ordered, and the orders that were answered.
    pub orders: BTreeMap<(String, String), Ordered>,
    /// By user and key: the top-up's amount, and whether it was answered.
    pub top_ups: BTreeMap<(String, String), (i64, bool)>,
    /// Orders that were promised to be cancelled, unless payments had declined them.
    pub to_cancel: BTreeSet<OrderId>,
}

/// An order as its buyer knows it.
#[derive(Clone, Debug, Default)]
pub struct Ordered {
    /// What it costs, in minor units.
    pub amount: i64,
    /// What the answers said: one id, however often it was asked.
    pub answered: BTreeSet<OrderId>,
}

/// All buyers.
pub struct Buyers {
    world: Arc<World>,
    house: Rc<House>,
    memory: Rc<RefCell<Memory>>,
    rest_ms: u64,
}

impl Buyers {
    /// Buyers who know nothing yet.
    pub fn new(world: &Arc<World>, house: &Rc<House>, memory: &Rc<RefCell<Memory>>) -> Self {
        let rest_ms = world.one_of(&RESTS_MS).copied().unwrap_or_default();
        Self { world: world.clone(), house: house.clone(), memory: memory.clone(), rest_ms }
    }

    /// Opens the accounts, then lets everybody do what they want; comes back when they are done.
    pub async fn buy(&self) {
        futures_util::future::join_all((0..WITH_ACCOUNT).map(|user| self.move_in(USERS[user]))).await;
        futures_util::future::join_all((0..BUYERS).map(|buyer| self.shop(buyer))).await;
    }

    /// An account, whatever it takes.
    async fn move_in(&self, user: &'static str) {
        while !matches!(self.change(user, Command::Create).await, Some(Outcome::Created | Outcome::AlreadyExists)) {
            self.world.wait_up_to(AGAIN_MS).await;
        }
    }

    async fn shop(&self, buyer: u64) {
        for deed in 0..=self.world.below(MOST_DEEDS) {
            self.world.wait_up_to(self.rest_ms).await;
            let key = format!("{buyer}-{deed}");
            if self.world.below(4) == 0 {
                let user = USERS[self.dice(WITH_ACCOUNT)];
                self.top_up(user, key).await;
            } else {
                let user = USERS[self.dice(USERS.len())];
                self.order(user, key).await;
            }
        }
    }

    fn dice(&self, end: usize) -> usize {
        usize::try_from(self.world.below(u64::try_from(end).unwrap_or(1))).unwrap_or(0)
    }

    fn some_amount(&self) -> i64 {
        UNIT * (1 + i64::try_from(self.world.below(9)).unwrap_or(0))
    }

    /// Whether a buyer whose question was not answered lets it be.
    async fn gives_up(&self) -> bool {
        self.world.wait_up_to(AGAIN_MS).await;
        self.world.below(GIVES_UP) == 0
    }

    async fn top_up(&self, user: &'static str, key: String) {
        let amount = self.some_amount();
        let id = (user.to_owned(), key.clone());
        self.memory.borrow_mut().top_ups.insert(id.clone(), (amount, false));
        loop {
            let command = Command::TopUp {
                amount: Amount::from_minor(amount).expect("a few units"),
                transaction_id: TransactionId::new(chance::id()),
                key: Some(key.clone()),
            };
            let outcome = self.change(user, command).await;
            self.world.note(format_args!("{user} puts {amount} on the account ({key}): {outcome:?}"));
            if let Some(Outcome::ToppedUp(_) | Outcome::Replayed(_)) = outcome {
                self.memory.borrow_mut().top_ups.insert(id, (amount, true));
                return;
            }
            if self.gives_up().await {
                return;
            }
        }
    }

    /// Asks payments; `None` when there is no answer.
    async fn change(&self, user: &str, command: Command) -> Option<Outcome> {
        let accounts = self.house.some_payments()?.handlers().accounts;
        let user = UserId::parse(user).ok()?;
        let asked = timeout(PATIENCE, accounts.change(user, Task { command, message: None })).await;
        Some(asked.ok()?.ok()?.outcome)
    }

    async fn order(&self, user: &'static str, key: String) {
        let amount = self.some_amount();
        let id = (user.to_owned(), key.clone());
        self.memory.borrow_mut().orders.insert(id.clone(), Ordered { amount, answered: BTreeSet::new() });
        let order = loop {
            let placed = self.place(user, &key, amount).await;
            self.world.note(format_args!("{user} orders for {amount} ({key}): {placed:?}"));
            if let Some(order) = placed {
                self.memory.borrow_mut().orders.entry(id.clone()).or_default().answered.insert(order);
                // Now and then the answer does not reach the buyer, who asks again.
                if self.world.below(4) != 0 {
                    break order;
                }
            } else if self.gives_up().await {
                return;
            }
        };
        if self.world.below(3) == 0 {
            self.world.wait_up_to(self.rest_ms / 10).await;
            self.cancel(user, order).await;
        }
    }

    async fn place(&self, user: &str, key: &str, amount: i64) -> Option<OrderId> {
        let placing = self.house.some_orders()?.handlers().placing;
        let order = OrderDraft {
            user_id: UserId::parse(user).ok()?,
            amount: Amount::from_minor(amount).ok()?,
            description: None,
            idempotency_key: Some(key.to_owned()),
        };
        let draft = placing::Draft { order, trace: TraceContext::unsampled() };
        match timeout(PATIENCE, placing.place(draft)).await.ok()?.ok()? {
            placing::Placed::New(order) | placing::Placed::Replayed(order) => Some(order.id),
            placing::Placed::KeyReused => None,
        }
    }

    async fn cancel(&self, user: &str, order: OrderId) {
        loop {
            let settled = self.wish(user, order).await;
            self.world.note(format_args!("{user} cancels {order}: {settled:?}"));
            match settled {
                Some(settling::Settled::Changed | settling::Settled::Unchanged) => {
                    self.memory.borrow_mut().to_cancel.insert(order);
                    return;
                }
                Some(_) => return,
                None if self.gives_up().await => return,
                None => {}
            }
        }
    }

    async fn wish(&self, user: &str, order_id: OrderId) -> Option<settling::Settled> {
        let settling = self.house.some_orders()?.handlers().settling;
        let (user_id, event) = (UserId::parse(user).ok()?, Event::CancelRequested(CancelCause::ByUser));
        let wish = settling::Wish { order_id, user_id, event, version: None, trace: TraceContext::unsampled() };
        timeout(PATIENCE, settling.wish(wish)).await.ok()?.ok()
    }
}
