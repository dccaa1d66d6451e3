//! How long a connection waits for its client: for the rest of a request that was begun, and for an answer to be read.
//! Absent: the first head and the time between requests, which the codec minds; bodies, which `body` minds.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// What a client may take to send the head of a later request, or the rest of a body that nobody wants any more: as for the first head.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client may take to read anything at all of an answer that does not fit into the connection.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// The same for a WebSocket: longer than those wait on their own before they say goodbye, which then has to be read as well.
const SOCKET_READ_TIMEOUT: Duration = Duration::from_secs(75);

/// What is under way on a connection. Clones belong to the same connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicUsize,
    ended: AtomicUsize,
    for_ever: AtomicBool,
    /// The number of the last request whose body may not have come to its end.
    perhaps_unread: AtomicUsize,
}

/// A request that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay {
    work: Work,
    chunked: bool,
}

impl Work {
    /// The application has a request. If its body is `chunked`, the codec waits for the last chunk also when nobody wants it any more.
    pub(crate) fn begin(&self, chunked: bool) -> UnderWay {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        UnderWay { work: self.clone(), chunked }
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn rests(&self) -> bool {
        self.begun() == self.0.ended.load(Ordering::Relaxed) && !self.is_for_ever()
    }

    /// Whether the rest of a body may still have to come; after the end of one it is the next request.
    fn waits_for_a_body(&self) -> bool {
        let begun = self.begun();
        begun > 0 && self.rests() && self.0.perhaps_unread.load(Ordering::Relaxed) == begun
    }

    fn is_for_ever(&self) -> bool {
        self.0.for_ever.load(Ordering::Relaxed)
    }
}

impl UnderWay {
    /// It never ends: the connection is a WebSocket now, and that has time-outs of its own.
    pub(crate) fn for_ever(self) {
        self.work.0.for_ever.store(true, Ordering::Relaxed);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let counts = &self.work.0;
        if self.chunked {
            counts.perhaps_unread.store(self.work.begun(), Ordering::Relaxed);
        }
        counts.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection's two clocks; each runs only while the client is the one who is waited for.
#[derive(Default)]
pub(crate) struct Patience {
    work: Work,
    /// Since bytes came for which there is no request yet, and how many requests there had been.
    sending: Option<(usize, Pin<Box<Sleep>>)>,
    /// Since there is no room for what we have to say.
    reading: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(crate) fn work(&self) -> Work {
        self.work.clone()
    }

    /// Bytes came. Those of the first request are the codec's to wait for, and those that come to a request under way are its body.
    pub(crate) fn has_read(&mut self, bytes: usize) {
        let begun = self.work.begun();
        self.forget_what_came();
        if bytes > 0 && begun > 0 && self.work.rests() && self.sending.is_none() {
            self.sending = Some((begun, Box::pin(sleep(REQUEST_TIMEOUT))));
        }
    }

    /// Nothing more came.
    pub(crate) fn poll_reading<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.forget_what_came();
        let Some((_, clock)) = &mut self.sending else { return Poll::Pending };
        ready!(clock.as_mut().poll(cx));
        Poll::Ready(Err(too_slow("the rest of a request does not come")))
    }

    /// The client has room, so what it has begun to send may wait for that.
    pub(crate) fn has_written(&mut self, cx: &mut Context<'_>) {
        self.reading = None;
        if self.sending.is_none() && self.work.waits_for_a_body() {
            self.sending = Some((self.work.begun(), Box::pin(sleep(REQUEST_TIMEOUT))));
        }
        if let Some((_, clock)) = &mut self.sending {
            clock.as_mut().reset(Instant::now() + REQUEST_TIMEOUT);
            // Nothing else may wake the connection; what is over is seen when it reads.
            let _ = clock.as_mut().poll(cx);
        }
    }

    /// Nothing more goes.
    pub(crate) fn poll_writing<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let timeout = if self.work.is_for_ever() { SOCKET_READ_TIMEOUT } else { READ_TIMEOUT };
        let clock = self.reading.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(clock.as_mut().poll(cx));
        Poll::Ready(Err(too_slow("an answer is not read")))
    }

    /// What came has become a request.
    fn forget_what_came(&mut self) {
        let begun = self.work.begun();
        self.sending.take_if(|(before, _)| *before != begun);
    }
}

fn too_slow(why: &'static str) -> io::Error {
    tracing::debug!(why, "a client is let go");
    io::Error::new(io::ErrorKind::TimedOut, why)
}
