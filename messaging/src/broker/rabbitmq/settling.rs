//! Telling the broker what became of the deliveries of one channel, many with one frame.
//! Absent: requeueing for a later attempt (parking does that).

use super::{dead, link::Link, topology::Names};
use crate::broker::{Queue, Settlement};
use futures_util::{FutureExt, future::try_join_all};
use lapin::{
    Channel,
    options::{BasicAckOptions, BasicNackOptions},
};
use std::{
    collections::BTreeSet,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
};
use supervision::{Vitals, panic_text};
use tokio::sync::mpsc::UnboundedReceiver;

/// No actor, but counted among them: with the next connection it is there again.
pub(super) const NAME: &str = "acknowledging";
/// Settlements taken in one go.
const MOST_AT_ONCE: usize = 1024;
/// Of the prefetch, what may be done behind a delivery that is not; beyond this share they are acknowledged one by one, for each of
/// them takes the place of another that the broker could send.
const SHARE_BEHIND: usize = 8;

/// Ends, and closes the channel, when the subscription and all its receipts are gone.
///
/// A quorum queue holds back acknowledgements of a channel that has more than 32 commands under way, and forgets those when the
/// channel closes. So the last ones before the end may be in vain; the inbox knows what is delivered again.
pub(super) struct Settling {
    pub channel: Channel,
    pub link: Arc<Link>,
    pub names: Arc<Names>,
    pub queue: Queue,
    pub prefetch: u16,
    pub vitals: Arc<OnceLock<Vitals>>,
    pub tags: Tags,
}

impl Settling {
    /// Runs until the end. A panic gives up the link: on a channel whose acknowledgements nobody sends any more the broker would go on
    /// to deliver until the prefetch is used up, and then for ever wait.
    pub async fn run_guarded(self, settlements: UnboundedReceiver<(u64, Settlement)>) {
        let (link, queue, vitals) = (self.link.clone(), self.queue, self.vitals.clone());
        if let Err(panic) = AssertUnwindSafe(self.run(settlements)).catch_unwind().await {
            let panic = panic_text(&*panic);
            tracing::error!(queue = queue.name, panic, "acknowledging panicked; the broker delivers again");
            vitals.get().inspect(|vitals| vitals.restarted(NAME));
            link.give_up();
        }
    }

    async fn run(mut self, mut settlements: UnboundedReceiver<(u64, Settlement)>) {
        let mut some = Vec::new();
        while settlements.recv_many(&mut some, MOST_AT_ONCE).await > 0 {
            if let Err(error) = self.settle(some.drain(..)).await {
                tracing::debug!(%error, queue = self.queue.name, "acknowledging failed; the broker delivers again");
                return self.link.give_up();
            }
        }
        if self.acknowledge_each().await.is_ok() {
            // An error means that it is closed already.
            drop(self.channel.close(200, "done".into()).await);
        }
    }

    async fn settle(&mut self, some: impl Iterator<Item = (u64, Settlement)>) -> lapin::Result<()> {
        for (tag, settlement) in some {
            match settlement {
                Settlement::Done => self.tags.done(tag),
                Settlement::Return => {
                    let requeue = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
                    failpoints::point!("rabbitmq::before-return", return Err(super::planted()));
                    self.channel.basic_nack(tag, requeue).await?;
                    failpoints::point!("rabbitmq::after-return", return Err(super::planted()));
                    self.tags.told(tag);
                }
                Settlement::Dead(dead) => {
                    dead::publish(&self.link, &self.names, self.queue, &dead).await?;
                    self.tags.done(tag);
                }
            }
        }
        if let Some(tag) = self.tags.together() {
            failpoints::point!("rabbitmq::before-acknowledge", return Err(super::planted()));
            self.channel.basic_ack(tag, BasicAckOptions { multiple: true }).await?;
            failpoints::point!("rabbitmq::after-acknowledge", return Err(super::planted()));
        }
        if self.tags.behind() * SHARE_BEHIND > usize::from(self.prefetch) {
            self.acknowledge_each().await
        } else {
            Ok(())
        }
    }

    async fn acknowledge_each(&mut self) -> lapin::Result<()> {
        let one = BasicAckOptions { multiple: false };
        // At once, for each comes back only when the connection's thread has written it.
        failpoints::point!("rabbitmq::before-acknowledge-each", return Err(super::planted()));
        try_join_all(self.tags.each().into_iter().map(|tag| self.channel.basic_ack(tag, one))).await?;
        failpoints::point!("rabbitmq::after-acknowledge-each", return Err(super::planted()));
        Ok(())
    }
}

/// What is known of the delivery tags of one channel, which its one consumer hands out in order from 1. Holds no more than is
/// unacknowledged at the broker, so the prefetch bounds it, however long one delivery stays open.
#[derive(Debug, Default)]
pub(super) struct Tags {
    /// Done, and the broker has yet to hear of it.
    untold: BTreeSet<u64>,
    /// Handed out before `highest` and not settled.
    open: BTreeSet<u64>,
    /// The highest tag that was settled; all before it have been handed out.
    highest: u64,
}

impl Tags {
    fn done(&mut self, tag: u64) {
        self.told(tag);
        self.untold.insert(tag);
    }

    /// Settled, and the broker has heard of it.
    fn told(&mut self, tag: u64) {
        if tag > self.highest {
            self.open.extend(self.highest + 1..tag);
            self.highest = tag;
        } else {
            self.open.remove(&tag);
        }
    }

    /// The tag to acknowledge together with all before it. It is one that the broker waits for, and none before it is open.
    fn together(&mut self) -> Option<u64> {
        let first_open = self.open.first().copied().unwrap_or(self.highest + 1);
        let behind = self.untold.split_off(&first_open);
        std::mem::replace(&mut self.untold, behind).pop_last()
    }

    /// How many wait behind one that is open.
    fn behind(&self) -> usize {
        self.untold.len()
    }

    fn each(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_stands_for_all_before_it_and_none_beyond_an_open_one() {
        let mut tags = Tags::default();
        tags.done(1);
        tags.done(2);
        tags.done(4);
        assert_eq!((tags.together(), tags.behind()), (Some(2), 1));
        assert_eq!(tags.together(), None);
        tags.done(3);
        assert_eq!((tags.together(), tags.behind()), (Some(4), 0));
    }

    #[test]
    fn a_tag_that_the_broker_has_heard_of_is_never_named_again() {
        let mut tags = Tags::default();
        tags.done(2);
        assert_eq!(tags.each(), BTreeSet::from([2]));
        tags.told(3);
        assert_eq!(tags.together(), None);
        tags.done(1);
        assert_eq!((tags.together(), tags.together()), (Some(1), None));
    }

    #[test]
    fn behind_one_that_stays_open_nothing_piles_up() {
        let mut tags = Tags::default();
        for tag in 2..10_000 {
            tags.done(tag);
            assert_eq!(tags.together(), None);
            assert_eq!(tags.each().len(), 1);
        }
        assert_eq!((tags.open.len(), tags.untold.len()), (1, 0));
    }
}
