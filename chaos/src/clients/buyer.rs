//! A buyer: places orders and puts money in under keys, insists until there is an answer, regrets, looks, and repeats itself.
//! Absent: knowing of any fault; what goes wrong looks to it like silence or 503.

use super::{Recorder, answer, decimal};
use crate::{
    dice::Dice,
    history::{Attempt, Wish},
};
use e2e::User;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Then a client gives up waiting, and knows nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts at the same thing, in milliseconds.
const AGAIN: std::ops::Range<u64> = 100..600;
/// Between two things, in milliseconds.
const PAUSE: std::ops::Range<u64> = 40..200;
/// Of the wishes that got no answer at once, so many in a hundred are given up: nobody knows then what came of them.
const GIVES_UP: u64 = 10;
/// Amounts of orders in minor units; an account often has not enough.
const AMOUNTS: [i64; 4] = [100, 250, 700, 4_000];
/// The least amount of a top-up. No two of a run are alike, so that an entry tells its key.
const TOP_UP: i64 = 3_000;
/// Buyers there may be.
pub const BUYERS: usize = 8;
/// Orders that a buyer places when it was told to stop.
const LAST_ORDERS: usize = 4;
/// How many of its orders a buyer has in mind.
const REMEMBERED: usize = 30;

/// One buyer.
#[derive(Debug)]
pub struct Buyer {
    /// Whose account it uses.
    pub user: User,
    /// Which one it is.
    pub number: usize,
    /// What it does next.
    pub dice: Dice,
    /// Where everything is written down.
    pub recorder: Recorder,
    /// Keys and amounts of its orders, with their ids, the latest last.
    orders: Vec<(Wish, String)>,
    turn: u64,
    topped_up: usize,
}

impl Buyer {
    /// A buyer who has not bought anything.
    pub fn new(user: User, number: usize, dice: Dice, recorder: Recorder) -> Self {
        Self { user, number, dice, recorder, orders: Vec::new(), turn: 0, topped_up: 0 }
    }

    /// Buys until told to stop; then places a few more orders and waits for their ends, to see that the shop is well.
    pub async fn buy(mut self, stop: CancellationToken) {
        self.top_up().await;
        while !stop.is_cancelled() {
            self.something().await;
            sleep(Duration::from_millis(self.dice.within(PAUSE))).await;
        }
        for _ in 0..LAST_ORDERS {
            let last = self.fresh_order();
            let Some(id) = self.insist(&last, false).await else { return };
            self.see_final(&id).await;
        }
    }

    async fn see_final(&mut self, order: &str) {
        while !self.recorder.is_final(order) {
            self.attempt(&Wish::Look { order: order.to_owned() }).await;
            sleep(Duration::from_millis(self.dice.within(PAUSE))).await;
        }
    }

    async fn something(&mut self) {
        match self.dice.within(0..100) {
            0..60 => drop(self.place().await),
            60..72 => self.regret().await,
            72..80 => self.top_up().await,
            80..86 => self.twice_at_once().await,
            86..92 => self.repeat().await,
            _ => self.look().await,
        }
    }

    fn fresh_key(&mut self) -> String {
        self.turn += 1;
        format!("{}-{}", self.number, self.turn)
    }

    fn fresh_order(&mut self) -> Wish {
        Wish::Order { key: self.fresh_key(), amount: *self.dice.pick(&AMOUNTS) }
    }

    async fn place(&mut self) -> Option<String> {
        let order = self.fresh_order();
        let id = self.insist(&order, true).await?;
        if self.orders.len() == REMEMBERED {
            self.orders.remove(0);
        }
        self.orders.push((order, id.clone()));
        Some(id)
    }

    /// Cancels an order that was just placed, or one of those before.
    async fn regret(&mut self) {
        let order = if self.dice.percent(60) { self.place().await } else { self.remembered() };
        if let Some(order) = order {
            self.insist(&Wish::Cancel { order }, true).await;
        }
    }

    async fn top_up(&mut self) {
        self.topped_up += 1;
        let amount = TOP_UP + i64::try_from(self.topped_up * BUYERS + self.number).unwrap_or_default();
        let wish = Wish::TopUp { key: self.fresh_key(), amount };
        self.insist(&wish, true).await;
    }

    /// The same wish under the same key, two at once, most likely at two instances.
    async fn twice_at_once(&mut self) {
        let order = self.fresh_order();
        let (first, second) = tokio::join!(self.attempt(&order), self.attempt(&order));
        if first.or(second).is_none() {
            self.insist(&order, true).await;
        }
    }

    /// A wish that was granted long ago.
    async fn repeat(&mut self) {
        if !self.orders.is_empty() {
            let (order, _) = self.dice.pick(&self.orders).clone();
            self.attempt(&order).await;
        }
    }

    async fn look(&mut self) {
        if let Some(order) = self.remembered() {
            self.attempt(&Wish::Look { order }).await;
        }
    }

    fn remembered(&mut self) -> Option<String> {
        let last = self.orders.len().checked_sub(1)?;
        // Mostly a young one, which may still be under way.
        let index = if self.dice.percent(70) { last } else { self.dice.index(last + 1) };
        Some(self.orders[index].1.clone())
    }

    /// Tries until there is an answer, unless it gives up; gives the id that was answered.
    async fn insist(&mut self, wish: &Wish, may_give_up: bool) -> Option<String> {
        loop {
            match self.attempt_once(wish).await {
                Tried::Answered(id) => return id,
                Tried::Open if may_give_up && self.dice.percent(GIVES_UP) => return None,
                Tried::Open => sleep(Duration::from_millis(self.dice.within(AGAIN))).await,
            }
        }
    }

    async fn attempt(&self, wish: &Wish) -> Option<String> {
        match self.attempt_once(wish).await {
            Tried::Answered(id) => id,
            Tried::Open => None,
        }
    }

    async fn attempt_once(&self, wish: &Wish) -> Tried {
        let sent = self.recorder.now();
        let said = timeout(PATIENCE, self.send(wish)).await;
        let answer = said.ok().and_then(Result::ok).map(|said| answer(&said, self.recorder.now()));
        let attempt = Attempt { user: self.user.id.clone(), wish: wish.clone(), sent, answer };
        let tried = match (attempt.is_open(), &attempt.answer) {
            (false, Some(answer)) => Tried::Answered(attempt.acknowledged().and(answer.id.clone())),
            _ => Tried::Open,
        };
        self.recorder.attempted(attempt);
        tried
    }

    async fn send(&self, wish: &Wish) -> e2e::Result<e2e::Answer> {
        match wish {
            Wish::Order { key, amount } => self.user.place_described(&decimal(*amount), key, key).await,
            Wish::TopUp { key, amount } => self.user.top_up(&decimal(*amount), Some(key)).await,
            Wish::Cancel { order } => self.user.cancel(order).await,
            Wish::Look { order } => self.user.get(&format!("/orders/{order}")).await,
        }
    }
}

/// What came of an attempt.
enum Tried {
    /// An answer, with an id if it grants the wish.
    Answered(Option<String>),
    /// Nobody knows.
    Open,
}
