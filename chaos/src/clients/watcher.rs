//! A watcher: has a socket to all orders of its user, and when that ends, resumes from its cursor at whichever instance answers. A
//! restless one often ends it by itself, which tries resuming; a loyal one never does, so that what its socket has missed stays missed.
//! Absent: looking at orders in any other way; all that it knows was pushed.

use super::Recorder;
use crate::{dice::Dice, history::State};
use e2e::{
    Client, User,
    socket::{News, Pushed, Socket, all_of},
};
use std::time::Duration;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// For the upgrade.
const PATIENCE: Duration = Duration::from_secs(3);
/// After that much silence it asks whether anybody is there; after twice as much it goes elsewhere.
const SILENCE: Duration = Duration::from_secs(3);
/// Before it tries the next instance.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a connection lasts before a restless watcher cuts it, in milliseconds: people close their laptops.
const STAYS: std::ops::Range<u64> = 2_000..20_000;
/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(1 << 20);

/// One watcher.
#[derive(Debug)]
pub struct Watcher {
    /// Whose orders it watches.
    pub user: User,
    /// Knows where instances are.
    pub client: Client,
    /// Whether it stays until its connection ends.
    pub loyal: bool,
    /// Its number in the history.
    pub number: usize,
    /// Where it goes, and when.
    pub dice: Dice,
    /// Where everything is written down.
    pub recorder: Recorder,
}

impl Watcher {
    /// Watches until told to stop. Says once when it is live for the first time: what happened before was not promised to it.
    pub async fn watch(mut self, live: oneshot::Sender<()>, stop: CancellationToken) {
        let (mut cursor, mut live) = (None, Some(live));
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.listen(&mut cursor, &mut live) => {}
            }
            self.recorder.resumed();
        }
    }

    /// One connection, from its first try to its end.
    async fn listen(&mut self, cursor: &mut Option<String>, live: &mut Option<oneshot::Sender<()>>) {
        let Some(mut socket) = self.connect(cursor.as_deref()).await else { return sleep(AGAIN).await };
        let stays = if self.loyal { FOR_EVER } else { Duration::from_millis(self.dice.within(STAYS)) };
        let until = Instant::now() + stays;
        let mut asked = false;
        while let Ok(heard) = timeout_at(until, timeout(SILENCE, socket.hear())).await {
            match heard {
                Ok(Ok(Pushed::End(_)) | Err(_)) => return sleep(AGAIN).await,
                Ok(Ok(Pushed::Snapshot(news) | Pushed::Update(news))) => self.note(news),
                Ok(Ok(Pushed::Ready(_))) => drop(live.take().map(|live| live.send(()))),
                Ok(Ok(Pushed::Ping | Pushed::Pong)) => {}
                Err(_) if asked || socket.ping().await.is_err() => return,
                Err(_) => {
                    asked = true;
                    continue;
                }
            }
            asked = false;
            // What was heard is written down before its cursor is: the other way round it could be missed.
            cursor.clone_from(&socket.cursor);
        }
    }

    async fn connect(&mut self, cursor: Option<&str>) -> Option<Socket> {
        let running = self.client.orders();
        if running.is_empty() {
            return None;
        }
        let path = all_of(&self.user) + &cursor.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
        let mut socket = timeout(PATIENCE, Socket::connect(*self.dice.pick(&running), &path)).await.ok()?.ok()?;
        socket.cursor = cursor.map(str::to_owned);
        Some(socket)
    }

    fn note(&self, News { order_id, outcome, version, .. }: News) {
        self.recorder.pushed(self.number, order_id, State { outcome, version });
    }
}
