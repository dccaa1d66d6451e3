//! The state of a proxy's line, shared by its threads: which faults are in force and which connections are open.
//!
//! Nothing here moves a byte; see `carry`.

use std::{
    collections::BTreeMap,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Each connection costs two threads and 128 KiB. More than any pool of a test wants; a loop that leaks connections
/// finds its end here (they are closed unserved) and not in the machine's limits.
const MOST_CONNECTIONS: usize = 512;

/// Names a connection within its line.
pub(super) type Id = u64;

pub(super) struct Line {
    pub(super) target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    hearing: Hearing,
    stalled: bool,
    delay: Duration,
    next: Id,
    open: BTreeMap<Id, Vec<TcpStream>>,
}

/// What the listening thread does and shall do.
enum Hearing {
    /// A listener waits to be picked up.
    Offered(TcpListener),
    /// The listening thread has it.
    Listening,
    /// It shall let go of it.
    Refusing,
    /// It has let go of it.
    Deaf,
    /// The proxy ends.
    Closed,
}

impl Line {
    pub(super) fn to(target: SocketAddr, listener: TcpListener) -> Line {
        let state = State {
            hearing: Hearing::Offered(listener),
            stalled: false,
            delay: Duration::ZERO,
            next: 0,
            open: BTreeMap::new(),
        };
        Line { target, state: Mutex::new(state), changed: Condvar::new() }
    }

    // What a test does.

    pub(super) fn connections(&self) -> usize {
        self.state().open.len()
    }

    pub(super) fn is_refusing(&self) -> bool {
        matches!(self.state().hearing, Hearing::Refusing | Hearing::Deaf)
    }

    pub(super) fn cut(&self) {
        self.change(State::cut);
    }

    pub(super) fn stall(&self, stalled: bool) {
        self.change(|state| state.stalled = stalled);
    }

    pub(super) fn delay(&self, delay: Duration) {
        self.change(|state| state.delay = delay);
    }

    pub(super) fn refuse(&self) {
        self.change(|state| state.hearing = Hearing::Refusing);
    }

    pub(super) fn wait_until_deaf(&self) {
        let refusing = |state: &mut State| matches!(state.hearing, Hearing::Refusing);
        drop(self.changed.wait_while(self.state(), refusing));
    }

    pub(super) fn listen_again(&self, listener: TcpListener) {
        self.change(|state| state.hearing = Hearing::Offered(listener));
    }

    pub(super) fn close(&self) {
        self.change(|state| {
            state.hearing = Hearing::Closed;
            state.cut();
        });
    }

    // What the listening thread asks.

    /// The next listener, as soon as there is one; none when the proxy ends.
    pub(super) fn next_listener(&self) -> Option<TcpListener> {
        let mut state = self.state();
        loop {
            match std::mem::replace(&mut state.hearing, Hearing::Listening) {
                Hearing::Offered(listener) => return Some(listener),
                Hearing::Closed => {
                    state.hearing = Hearing::Closed;
                    return None;
                }
                Hearing::Refusing | Hearing::Deaf | Hearing::Listening => state.hearing = Hearing::Deaf,
            }
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes a new connection into the books; none when it is not wanted or there are too many.
    pub(super) fn admit(&self, client: TcpStream) -> Option<Id> {
        let mut state = self.state();
        if state.open.len() >= MOST_CONNECTIONS || !state.hears() {
            return None;
        }
        let id = state.next;
        state.next += 1;
        state.open.insert(id, vec![client]);
        Some(id)
    }

    pub(super) fn hears(&self) -> bool {
        self.state().hears()
    }

    // What a connection's threads ask.

    /// Adds the server's end to a connection; false when it was cut meanwhile.
    pub(super) fn joined(&self, id: Id, server: TcpStream) -> bool {
        self.state().open.get_mut(&id).map(|ends| ends.push(server)).is_some()
    }

    /// Waits as long as the faults in force say; false when the connection was cut meanwhile.
    pub(super) fn may_pass(&self, id: Id) -> bool {
        let mut state = self.state();
        let due = Instant::now() + state.delay;
        while state.open.contains_key(&id) {
            let left = due.saturating_duration_since(Instant::now());
            state = match (state.stalled, left.is_zero()) {
                (false, true) => return true,
                (false, false) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                (true, _) => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        false
    }

    /// Closes one connection at both ends and strikes it off.
    pub(super) fn hang_up(&self, id: Id) {
        if let Some(ends) = self.state().open.remove(&id) {
            shut(&ends);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }
}

impl State {
    fn cut(&mut self) {
        std::mem::take(&mut self.open).values().for_each(|ends| shut(ends));
    }

    fn hears(&self) -> bool {
        matches!(self.hearing, Hearing::Listening)
    }
}

/// A thread that reads from or writes to one of these wakes up. An end that has gone already is no error.
fn shut(ends: &[TcpStream]) {
    for end in ends {
        drop(end.shutdown(Shutdown::Both));
    }
}
