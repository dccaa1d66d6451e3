//! A question to an actor with its way back, and how many may be under way at once.
//! Absent: the actor that answers (the gatherer is one).

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How many questions may be under way at once, counted from asking to answering. A cheap clone.
#[derive(Clone, Debug)]
pub struct Admission {
    room: Arc<Semaphore>,
    limit: usize,
}

impl Admission {
    /// Admits this many.
    pub fn new(limit: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(limit)), limit }
    }

    /// Admits a question; the receiver gets its answer, or an error when the work was interrupted.
    ///
    /// # Errors
    /// [`AskError::Overloaded`] when there is no room.
    pub fn admit<Q, A>(&self, question: Q) -> Result<(Ask<Q, A>, oneshot::Receiver<A>), AskError> {
        let admitted = self.room.clone().try_acquire_owned().map_err(|_| AskError::Overloaded)?;
        let (reply, answer) = oneshot::channel();
        Ok((Ask { question, reply, _admitted: admitted }, answer))
    }

    /// Whether there is room for another question.
    pub fn has_room(&self) -> bool {
        self.room.available_permits() > 0
    }

    /// Questions admitted and not yet answered.
    pub fn under_way(&self) -> usize {
        self.limit - self.room.available_permits()
    }
}

/// A question with its way back.
#[derive(Debug)]
pub struct Ask<Q, A> {
    /// What is asked.
    pub question: Q,
    reply: oneshot::Sender<A>,
    _admitted: OwnedSemaphorePermit,
}

impl<Q, A> Ask<Q, A> {
    /// Answers. Nobody minds when the asker has gone.
    pub fn answer(self, answer: A) {
        self.into_parts().0.answer(answer);
    }

    /// Takes it apart: the way back and the question.
    pub fn into_parts(self) -> (Reply<A>, Q) {
        (Reply { reply: self.reply, _admitted: self._admitted }, self.question)
    }
}

/// The way back of a question.
#[derive(Debug)]
pub struct Reply<A> {
    reply: oneshot::Sender<A>,
    _admitted: OwnedSemaphorePermit,
}

impl<A> Reply<A> {
    /// Answers. Nobody minds when the asker has gone.
    pub fn answer(self, answer: A) {
        drop(self.reply.send(answer));
    }
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Too much is under way; nothing was done. Ask again later.
    #[error("too much work is under way")]
    Overloaded,
    /// The work panicked or was shut down. It may have been done or not.
    #[error("the work was interrupted")]
    Lost,
}
