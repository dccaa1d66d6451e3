//! The repeating actor: a step over and over, with the pause that the step asks for, sooner when nudged.
//! Absent: what a step does. A nudge carries no data; it only ends the pause.

use crate::{Vitals, panic_text};
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Supervised, Supervisor, WrapFuture};
use async_trait::async_trait;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{sync::Notify, task::JoinError};
use tokio_util::sync::CancellationToken;

/// How long to rest after a panic, so that a step that always panics does not spin.
const PAUSE_AFTER_PANIC: Duration = Duration::from_millis(200);

/// When the next step is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// At once: there is more to do.
    None,
    /// After this time, or sooner when nudged.
    For(Duration),
}

/// What a repeater repeats. It is made afresh after a panic.
#[async_trait(?Send)]
pub trait Step {
    /// One step. A step that waits for something must also end when `stop` is cancelled.
    async fn step(&mut self, stop: &CancellationToken) -> Pause;
}

type Make = dyn Fn() -> Box<dyn Step>;

/// The actor. Reached through its [`RepeaterHandle`].
pub struct Repeater {
    name: &'static str,
    make: Box<Make>,
    vitals: Vitals,
    nudge: Arc<Notify>,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Repeater {
    /// Starts it, supervised, on the current arbiter. `make` gives a fresh state at each start.
    pub fn start<S: Step + 'static>(
        name: &'static str,
        vitals: &Vitals,
        make: impl Fn() -> S + 'static,
    ) -> RepeaterHandle {
        vitals.started(name);
        let (nudge, stop, ended) = (Arc::new(Notify::new()), CancellationToken::new(), CancellationToken::new());
        let actor = Self {
            name,
            make: Box::new(move || Box::new(make())),
            vitals: vitals.clone(),
            nudge: nudge.clone(),
            stop: stop.clone(),
            ended: ended.clone(),
        };
        RepeaterHandle { address: Supervisor::start(move |_| actor), nudge, stop, ended }
    }

    fn run(&mut self, context: &mut Context<Self>, first_pause: Duration) {
        let (step, nudge, stop) = ((self.make)(), self.nudge.clone(), self.stop.clone());
        let task = actix::spawn(repeat(step, first_pause, nudge, stop));
        context.spawn(task.into_actor(self).map(|result, actor, context| actor.loop_ended(result, context)));
    }

    fn loop_ended(&mut self, result: Result<(), JoinError>, context: &mut Context<Self>) {
        match result.map_err(JoinError::try_into_panic) {
            Ok(()) | Err(Err(_)) => self.ended.cancel(),
            Err(Ok(panic)) => {
                tracing::error!(actor = self.name, panic = panic_text(&*panic), "an actor panicked and starts again");
                self.vitals.restarted(self.name);
                context.stop();
            }
        }
    }
}

async fn repeat(mut step: Box<dyn Step>, first_pause: Duration, nudge: Arc<Notify>, stop: CancellationToken) {
    let mut pause = Pause::For(first_pause);
    loop {
        if let Pause::For(time) = pause {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = nudge.notified() => {}
                () = tokio::time::sleep(time) => {}
            }
        }
        if stop.is_cancelled() {
            return;
        }
        pause = step.step(&stop).await;
    }
}

impl Actor for Repeater {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        // `started` runs again after a restart; the panic before it is what the pause is for.
        let pause = if self.vitals.restarts(self.name) == 0 { Duration::ZERO } else { PAUSE_AFTER_PANIC };
        self.run(context, pause);
    }
}

impl Supervised for Repeater {}

/// The way to a repeater. A cheap clone.
#[derive(Clone)]
pub struct RepeaterHandle {
    address: Addr<Repeater>,
    nudge: Arc<Notify>,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl fmt::Debug for RepeaterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepeaterHandle").field("alive", &self.alive()).finish()
    }
}

impl RepeaterHandle {
    /// Ends the current or the next pause.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Whether the actor is there.
    pub fn alive(&self) -> bool {
        self.address.connected()
    }

    /// Lets the current step end, then no other begins. Comes back when that is so.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.ended.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::registry::Registry;
    use std::sync::atomic::{AtomicU64, Ordering};

    const FOR_EVER: Duration = Duration::from_secs(3600);

    struct Counting {
        total: Arc<AtomicU64>,
        panic_at: u64,
    }

    #[async_trait(?Send)]
    impl Step for Counting {
        async fn step(&mut self, _: &CancellationToken) -> Pause {
            let now = self.total.fetch_add(1, Ordering::SeqCst) + 1;
            assert_ne!(now, self.panic_at, "unlucky");
            Pause::For(FOR_EVER)
        }
    }

    fn start(panic_at: u64) -> (RepeaterHandle, Arc<AtomicU64>, Vitals) {
        let (total, vitals) = (Arc::new(AtomicU64::new(0)), Vitals::new(&mut Registry::default()));
        let counted = total.clone();
        let handle = Repeater::start("counting", &vitals, move || Counting { total: counted.clone(), panic_at });
        (handle, total, vitals)
    }

    async fn reaches(total: &AtomicU64, steps: u64) {
        while total.load(Ordering::SeqCst) < steps {
            tokio::task::yield_now().await;
        }
    }

    #[actix::test]
    async fn a_nudge_ends_the_pause() {
        let (handle, total, _) = start(0);
        reaches(&total, 1).await;
        handle.nudge();
        reaches(&total, 2).await;
        handle.stop().await;
    }

    #[actix::test]
    async fn a_step_that_panicked_is_followed_by_a_restart() {
        let (handle, total, vitals) = start(2);
        reaches(&total, 1).await;
        handle.nudge();
        reaches(&total, 3).await;
        assert_eq!(vitals.restarts("counting"), 1);
        handle.stop().await;
    }

    #[actix::test]
    async fn after_stop_no_step_begins() {
        let (handle, total, _) = start(0);
        reaches(&total, 1).await;
        handle.stop().await;
        handle.nudge();
        tokio::task::yield_now().await;
        assert_eq!(total.load(Ordering::SeqCst), 1);
    }
}
