//! Threads for what blocks in librdkafka, beside the runtime's, which waits for its own when it ends.
//! Absent: a bound; there is one thread a subscription, a listener and a question.

use std::{fmt, thread, time::Duration};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

/// The threads of one broker. A cheap clone.
#[derive(Clone)]
pub(super) struct Threads(watch::Sender<usize>);

impl Default for Threads {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Threads({})", *self.0.borrow())
    }
}

/// Counts for as long as the thread lives, a panic included.
struct Lives(watch::Sender<usize>);

impl Drop for Lives {
    fn drop(&mut self) {
        self.0.send_modify(|threads| *threads -= 1);
    }
}

impl Threads {
    /// Starts one. Where the system refuses, the work is dropped undone, and with it whatever it was to answer.
    pub fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) {
        self.0.send_modify(|threads| *threads += 1);
        let lives = Lives(self.0.clone());
        let all = move || {
            work();
            drop(lives);
        };
        if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(all) {
            tracing::error!(%error, name, "a thread cannot be started");
        }
    }

    /// Waits for an answer that blocks; `None` if it panicked.
    pub async fn ask<T: Send + 'static>(&self, name: &str, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.start(name, move || drop(answer.send(work())));
        answered.await.ok()
    }

    /// Waits until all have ended, but no longer than this.
    pub async fn ended(&self, limit: Duration) {
        let mut threads = self.0.subscribe();
        if timeout(limit, threads.wait_for(|threads| *threads == 0)).await.is_err() {
            tracing::debug!(threads = ?self, "the broker's goodbye takes too long");
        }
    }
}
