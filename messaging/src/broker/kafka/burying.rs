//! The task that puts dead letters away, one by one, for as long as it takes.
//! Absent: what one looks like in its topic (`dead`).

use super::{Kafka, dead, link::wait, window::Dying, window::Window};
use crate::broker::Queue;
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc};
use supervision::panic_text;
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep};

/// No actor, but counted among them: with the next subscription it is there again.
pub(super) const NAME: &str = "burying";

/// Of one subscription.
pub(super) struct Burying {
    pub kafka: Kafka,
    pub queue: Queue,
    pub window: Arc<Window>,
}

impl Burying {
    /// Runs until the end. A panic gives up the window: what is dying and nobody buries would hold up its partition's position, and take
    /// its share of the prefetch, until the process is started again.
    pub async fn run_guarded(self, dying: UnboundedReceiver<Dying>) {
        let (queue, window, vitals) = (self.queue, self.window.clone(), self.kafka.vitals.clone());
        if let Err(panic) = AssertUnwindSafe(self.run(dying)).catch_unwind().await {
            let panic = panic_text(&*panic);
            tracing::error!(queue = queue.name, panic, "keeping dead letters panicked; they are fetched again");
            vitals.get().inspect(|vitals| vitals.restarted(NAME));
            window.give_up();
        }
    }

    async fn run(mut self, mut dying: UnboundedReceiver<Dying>) {
        let closing = self.kafka.links.closing().clone();
        // The window holds the sender, so the end of the subscription is not the end of this.
        let over = self.window.over();
        loop {
            let next = tokio::select! {
                () = closing.cancelled() => return,
                () = over.cancelled() => return,
                next = dying.recv() => next,
            };
            let Some(dead) = next else { return };
            if self.bury(&dead).await.is_none() {
                return;
            }
            self.window.buried(&dead.0);
        }
    }

    /// `None` once the broker is closed.
    async fn bury(&mut self, (parcel, letter): &Dying) -> Option<()> {
        let mut failures = 0;
        loop {
            let link = self.kafka.links.next().await?;
            match dead::publish(&link, &self.kafka.names, self.queue, parcel, letter).await {
                Ok(()) => return Some(()),
                Err(error) => tracing::warn!(%error, queue = self.queue.name, "a dead letter could not be kept yet"),
            }
            sleep(wait(failures)).await;
            failures += 1;
        }
    }
}
