//! Whether a database may be used, and if not, why: it is asked for before each unit of work and each read.
//! Absent: the reasons; whoever finds one shuts the door with it.

use sea_orm::{DbErr, RuntimeErr};
use tokio::sync::watch;

/// Open, or shut with a reason; shared by all that use one database. A cheap clone. It begins open.
#[derive(Clone, Debug, Default)]
pub struct Door(watch::Sender<State>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Shut(String),
    ShutForGood(String),
}

impl Door {
    /// A door that is shut until [`Self::open`].
    pub fn shut_because(reason: impl Into<String>) -> Self {
        Self(watch::Sender::new(State::Shut(reason.into())))
    }

    /// Lets everybody in, unless it was shut for good. Whether it was shut before.
    pub fn open(&self) -> bool {
        self.become_unless_shut_for_good(State::Open)
    }

    /// Lets nobody in until [`Self::open`]; units that have begun may end. Whether this reason is another than before.
    pub fn shut(&self, reason: impl Into<String>) -> bool {
        self.become_unless_shut_for_good(State::Shut(reason.into()))
    }

    /// Lets nobody in any more as long as the program runs. Whether it was not so before; the first reason stays.
    pub fn shut_for_good(&self, reason: impl Into<String>) -> bool {
        self.become_unless_shut_for_good(State::ShutForGood(reason.into()))
    }

    /// Why it is shut; `None` while it is open.
    pub fn reason(&self) -> Option<String> {
        match &*self.0.borrow() {
            State::Open => None,
            State::Shut(reason) | State::ShutForGood(reason) => Some(reason.clone()),
        }
    }

    /// Whether it is shut for good.
    pub fn is_shut_for_good(&self) -> bool {
        matches!(&*self.0.borrow(), State::ShutForGood(_))
    }

    /// Goes through.
    ///
    /// # Errors
    /// [`DbErr::Conn`] with the reason while it is shut; [`crate::Fault::Unavailable`], as if the database were away.
    pub fn pass(&self) -> Result<(), DbErr> {
        self.reason().map_or(Ok(()), |reason| Err(DbErr::Conn(RuntimeErr::Internal(reason))))
    }

    /// Waits until it is open.
    pub async fn opened(&self) {
        self.becomes(|state| *state == State::Open).await;
    }

    /// Waits until it is shut.
    pub async fn closed(&self) {
        self.becomes(|state| *state != State::Open).await;
    }

    async fn becomes(&self, wanted: impl FnMut(&State) -> bool) {
        // It cannot fail: the sender is here.
        drop(self.0.subscribe().wait_for(wanted).await);
    }

    fn become_unless_shut_for_good(&self, next: State) -> bool {
        self.0.send_if_modified(|state| {
            let changes = !matches!(*state, State::ShutForGood(_)) && *state != next;
            if changes {
                *state = next;
            }
            changes
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fault;

    #[test]
    fn a_shut_door_says_why_and_counts_as_a_database_that_is_away() {
        let door = Door::shut_because("its schema is older");
        let error = door.pass().unwrap_err();
        assert_eq!(Fault::of(&error), Fault::Unavailable);
        assert!(error.to_string().ends_with("its schema is older"), "{error}");
        let same = door.clone();
        assert!(same.open() && !door.open(), "a clone is the same door");
        assert!(door.pass().is_ok());
        assert!(door.shut("again") && !door.shut("again"), "the same reason is no news");
    }

    #[tokio::test]
    async fn whoever_waits_at_the_door_is_told_when_it_opens_and_when_it_shuts() {
        let door = Door::shut_because("not yet");
        let opened = tokio::spawn({
            let door = door.clone();
            async move { door.opened().await }
        });
        door.clone().open();
        opened.await.unwrap();
        let closed = tokio::spawn({
            let door = door.clone();
            async move { door.closed().await }
        });
        door.clone().shut("again");
        closed.await.unwrap();
    }

    #[test]
    fn what_is_shut_for_good_stays_so_with_its_first_reason() {
        let door = Door::default();
        assert!(door.shut_for_good("its file has gone") && !door.shut_for_good("another"));
        assert!(!door.open() && !door.shut("later"));
        assert_eq!(door.reason().as_deref(), Some("its file has gone"));
        assert!(door.is_shut_for_good());
    }
}
