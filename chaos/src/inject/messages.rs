//! Faults of messages: what was said is said again, at once, late, out of order, under another id, with the opposite verdict; and poison.
//! Absent: taking messages away, which a broker may not. Only orders that a client has seen final are contradicted: a stranger who may
//! publish verdicts on open orders is not a fault, but somebody with the broker's password.

use super::{Strike, misplaced};
use crate::{
    broker::{Broker, Visitor, lock},
    clients::Recorder,
    dice::Dice,
    plan::{Kind, Step},
    poison::{Letters, MARK, ROUTES, Sort},
};
use anyhow::{Result, ensure};
use e2e::broker::Message;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Messages that are kept in mind, some minutes' worth.
const REMEMBERED: usize = 4_000;
/// Messages of one fault.
const MANY: usize = 40;
/// How long a broker that is away, or has no queues yet, is waited for.
const PATIENCE: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(250);

/// What was said on the broker, the latest last. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Overheard(Arc<Mutex<VecDeque<Message>>>);

impl Overheard {
    /// Listens until told to stop; while the broker is away there is nothing to hear.
    pub async fn listen(self, broker: Arc<dyn Broker>, stop: CancellationToken) {
        let ear = |routing_key, body: Vec<u8>| self.hear(routing_key, &body);
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = broker.listen(&ear) => sleep(AGAIN).await,
            }
        }
    }

    fn hear(&self, routing_key: String, body: &[u8]) {
        let is_poison = body.windows(MARK.len()).any(|window| window == MARK.as_bytes());
        let Some(body) = serde_json::from_slice(body).ok().filter(|_| !is_poison) else { return };
        let mut heard = lock(&self.0);
        if heard.len() == REMEMBERED {
            heard.pop_front();
        }
        heard.push_back(Message { routing_key, body });
    }

    fn all(&self) -> Vec<Message> {
        lock(&self.0).iter().cloned().collect()
    }
}

/// The lane of the messages.
pub struct Messages {
    /// Where they are said.
    pub broker: Arc<dyn Broker>,
    /// What can be said again.
    pub overheard: Overheard,
    /// Who knows which orders are final.
    pub recorder: Recorder,
    /// The account of the poison.
    pub letters: Arc<Mutex<Letters>>,
    /// Which messages.
    pub dice: Dice,
}

impl Messages {
    /// The latest messages, or those of long ago in another order, or those about orders that are final.
    fn chosen(&mut self, kind: Kind) -> Vec<Message> {
        let mut heard = self.overheard.all();
        match kind {
            Kind::Late => {
                heard.truncate(heard.len() / 2);
                self.dice.shuffle(&mut heard);
            }
            Kind::Opposite => {
                heard.retain(|message| self.may_be_contradicted(message));
                heard = heard.iter().map(Message::contradicted).collect();
                self.dice.shuffle(&mut heard);
            }
            Kind::OtherId => {
                self.dice.shuffle(&mut heard);
                heard = heard.iter().take(MANY).map(Message::under_another_id).collect();
            }
            _ => heard.reverse(),
        }
        heard.truncate(MANY);
        heard
    }

    fn may_be_contradicted(&self, message: &Message) -> bool {
        let is_answer = ["payment.succeeded", "payment.declined"].contains(&message.routing_key.as_str());
        is_answer && message.body["subject"].as_str().is_some_and(|order| self.recorder.is_final(order))
    }

    /// Into the queues themselves: when the broker comes back empty, the exchange is there first, and for a moment only our own ear is
    /// bound to it.
    async fn poison(&self, visitor: &dyn Visitor) -> Result<()> {
        let letters = || lock(&self.letters);
        for (queue, routing_key) in ROUTES {
            for sort in Sort::ALL {
                let body = sort.body(letters().next_number(), routing_key);
                letters().publishing(queue, sort, &body);
                visitor.put(queue, &body).await?;
                letters().confirmed(&body);
            }
        }
        Ok(())
    }
}

impl Messages {
    /// Of each sort one that no later fault can take away.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub async fn last_poison(&mut self) -> Result<()> {
        self.say_until(Kind::Poison).await
    }

    /// Once more when the broker has gone in the middle of it, or has no queues yet.
    async fn say_until(&mut self, kind: Kind) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.say_all(kind).await {
                Err(_) if Instant::now() < deadline => sleep(AGAIN).await,
                outcome => return outcome,
            }
        }
    }

    async fn say_all(&mut self, kind: Kind) -> Result<()> {
        let visitor = self.broker.visit().await?;
        match kind {
            Kind::Poison => self.poison(&*visitor).await?,
            Kind::Twice | Kind::OtherId | Kind::Late | Kind::Opposite => {
                let chosen = self.chosen(kind);
                ensure!(!chosen.is_empty(), "nothing was said yet that could be said again");
                for message in chosen {
                    visitor.say(&message).await?;
                }
            }
            kind => return Err(misplaced(kind)),
        }
        visitor.leave().await;
        Ok(())
    }
}

impl Strike for Messages {
    async fn strike(&mut self, step: &Step) -> Result<()> {
        self.say_until(step.kind).await
    }

    /// The broker may be struck at the same time.
    fn is_serious(&self) -> bool {
        false
    }
}
