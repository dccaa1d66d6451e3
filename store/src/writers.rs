//! SQLite's writers, one after the other, with one commit for all that wait: the file is synced once for many units of work.
//! Absent: PostgreSQL, which has writers side by side and syncs its log for all of them by itself.
//!
//! ```text
//! BEGIN  [SAVEPOINT a … RELEASE]  [SAVEPOINT b … RELEASE]  [SAVEPOINT c … ROLLBACK TO]  COMMIT   then a and b are answered
//! ```
//!
//! A unit that is done leaves its work in the transaction and the turn to the next that waits; the last one commits for all. A
//! unit that fails takes back its own work only. When the commit fails, all hear so.

use crate::{Files, simulation};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard, oneshot},
};

/// The queue of those who want to write. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writers {
    turn: Arc<Mutex<Option<Group>>>,
    waiting: Arc<AtomicUsize>,
    files: Option<Files>,
}

/// An open transaction, and those whose work is in it already.
#[derive(Debug)]
struct Group {
    transaction: DatabaseTransaction,
    files: Option<Files>,
    members: Vec<oneshot::Sender<Result<(), DbErr>>>,
}

/// The right to write, until it is passed on or everything is committed.
#[derive(Debug)]
pub(crate) struct Turn {
    group: Option<OwnedMutexGuard<Option<Group>>>,
    waiting: Arc<AtomicUsize>,
}

impl Writers {
    /// Of a database with these files.
    pub fn watching(files: Option<&Files>) -> Self {
        Self { files: files.cloned(), ..Self::default() }
    }

    /// Waits for the turn and begins a unit of work in the group's transaction, or in a new one.
    ///
    /// # Errors
    /// The driver's, when no transaction can be begun.
    pub async fn begin(&self, connection: &DatabaseConnection) -> Result<(DatabaseTransaction, Turn), DbErr> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut group = self.turn.clone().lock_owned().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        if group.is_none() {
            self.files.as_ref().map_or(Ok(()), Files::look)?;
            let transaction = simulation::at_once(connection.begin_with_options(immediate())).await?;
            *group = Some(Group { transaction, files: self.files.clone(), members: Vec::new() });
        }
        let turn = Turn { group: Some(group), waiting: self.waiting.clone() };
        let unit = turn.savepoint().await?;
        Ok((unit, turn))
    }

    /// Waits for the turn, and does work that begins transactions of its own.
    ///
    /// # Errors
    /// The work's, or that of the commit that had to come before it.
    pub async fn alone<T, E: From<DbErr>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let mut group = self.turn.lock().await;
        if group.is_some() {
            commit(&mut group).await?;
        }
        simulation::at_once(work).await
    }
}

impl Turn {
    async fn savepoint(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.group.as_deref() {
            Some(Some(group)) => simulation::at_once(group.transaction.begin()).await,
            Some(None) | None => Err(ended()),
        }
    }

    /// After a unit that is done: somebody who waits goes on and commits for this one too; if nobody does, commits.
    ///
    /// # Errors
    /// The commit's, whoever makes it.
    pub async fn done(mut self) -> Result<(), DbErr> {
        let Some(mut guard) = self.group.take() else { return Err(ended()) };
        if let Some(group) = guard.as_mut()
            && self.waiting.load(Ordering::SeqCst) > 0
        {
            let (member, committed) = oneshot::channel();
            group.members.push(member);
            drop(guard);
            return committed.await.unwrap_or_else(|_| Err(ended()));
        }
        commit(&mut guard).await
    }

    /// After a unit that has taken back its work: commits what others have left.
    ///
    /// # Errors
    /// The commit's.
    pub async fn given_up(mut self) -> Result<(), DbErr> {
        match self.group.take() {
            Some(mut guard) => commit(&mut guard).await,
            None => Err(ended()),
        }
    }
}

impl Drop for Turn {
    /// A unit that just went away, by an error or a panic: what others have left is committed without it. Its own work has been
    /// taken back, because a unit is dropped before its turn.
    fn drop(&mut self) {
        if let Some(mut guard) = self.group.take()
            && let Ok(runtime) = Handle::try_current()
        {
            // The members hear how it ended; this unit has nobody any more who would ask.
            runtime.spawn(async move { drop(commit(&mut guard).await) });
        }
    }
}

async fn commit(group: &mut Option<Group>) -> Result<(), DbErr> {
    let Some(Group { transaction, files, members }) = group.take() else { return Err(ended()) };
    // What lies in files that are not there any more is not answered.
    let committed = commit_all(transaction).await.and_then(|()| files.as_ref().map_or(Ok(()), Files::look));
    for member in members {
        // One that is gone has lost its answer, as after a crash.
        drop(member.send(committed.clone()));
    }
    committed
}

async fn commit_all(transaction: DatabaseTransaction) -> Result<(), DbErr> {
    failpoints::point!("store::before-commit", return Err(crate::planted()));
    simulation::at_once(transaction.commit()).await?;
    failpoints::point!("store::after-commit", return Err(crate::planted()));
    Ok(())
}

/// Nobody knows any more what became of the transaction.
fn ended() -> DbErr {
    DbErr::Conn(sea_orm::RuntimeErr::Internal("the transaction ended with its runtime".to_owned()))
}

/// Takes the write lock at once: upgrading a read transaction later can fail with SQLITE_BUSY_SNAPSHOT.
fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Options, Plans, Store, Tx};
    use sea_orm::{ConnectionTrait, DbBackend, Statement};
    use tempfile::TempDir;
    use tokio::task::JoinHandle;

    struct Place {
        store: Store,
        other: Store,
        _dir: TempDir,
    }

    impl Place {
        async fn open() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}", dir.path().join("test.db").display());
            let open = async || {
                Store::open(&Options {
                    url: url.clone(),
                    max_connections: 2,
                    application: "test",
                    plans: Plans::ByIndex,
                })
                .await
                .unwrap()
            };
            let place = Self { store: open().await, other: open().await, _dir: dir };
            let tables = "CREATE TABLE parents (id int PRIMARY KEY);
                CREATE TABLE seen (id int PRIMARY KEY, parent int REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)";
            place.store.connection().execute_unprepared(tables).await.unwrap();
            place
        }

        /// A unit that waits for its turn by now.
        async fn waiting(&self) -> JoinHandle<Tx> {
            let (store, waiting) = (self.store.clone(), self.store.writers().unwrap().waiting.clone());
            let before = waiting.load(Ordering::SeqCst);
            let begun = tokio::spawn(async move { store.begin().await.unwrap() });
            while waiting.load(Ordering::SeqCst) == before {
                tokio::task::yield_now().await;
            }
            begun
        }

        async fn seen(&self) -> usize {
            let rows =
                self.other.connection().query_all_raw(Statement::from_string(DbBackend::Sqlite, "SELECT id FROM seen"));
            rows.await.unwrap().len()
        }
    }

    async fn see(tx: &Tx, id: i32) {
        tx.execute_unprepared(&format!("INSERT INTO seen (id) VALUES ({id})")).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_unit_is_answered_when_those_that_waited_behind_it_are_done_too() {
        let place = Place::open().await;
        let first = place.store.begin().await.unwrap();
        see(&first, 1).await;
        let second = place.waiting().await;
        let first = tokio::spawn(first.commit());
        let second = second.await.unwrap();
        see(&second, 2).await;
        assert!(!first.is_finished(), "its work is not on the disk");
        assert_eq!(place.seen().await, 0);
        second.commit().await.unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(place.seen().await, 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_unit_that_fails_or_goes_away_takes_back_its_own_work_only() {
        let place = Place::open().await;
        for (round, end) in ["dropped", "rolled back"].into_iter().enumerate() {
            let id = i32::try_from(round).unwrap() * 10;
            let first = place.store.begin().await.unwrap();
            see(&first, id).await;
            let second = place.waiting().await;
            let first = tokio::spawn(first.commit());
            let second = second.await.unwrap();
            see(&second, id + 1).await;
            match end {
                "dropped" => drop(second),
                _ => second.rollback().await.unwrap(),
            }
            first.await.unwrap().unwrap();
            assert_eq!(place.seen().await, round + 1, "{end}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_commit_that_fails_is_heard_by_all_whose_work_was_in_it() {
        let place = Place::open().await;
        let first = place.store.begin().await.unwrap();
        see(&first, 1).await;
        let second = place.waiting().await;
        let first = tokio::spawn(first.commit());
        let second = second.await.unwrap();
        second.execute_unprepared("INSERT INTO seen VALUES (2, 777)").await.unwrap();
        assert!(second.commit().await.is_err(), "a parent is missing");
        assert!(first.await.unwrap().is_err());
        assert_eq!(place.seen().await, 0);
        let third = place.store.begin().await.unwrap();
        see(&third, 3).await;
        third.commit().await.unwrap();
        assert_eq!(place.seen().await, 1);
    }

    /// SQLite's own limit stands for the disk's: the error is the same one, and it takes back the whole transaction.
    #[tokio::test(flavor = "multi_thread")]
    async fn when_the_disk_is_full_all_hear_that_it_is_unavailable_and_go_on_when_there_is_room() {
        let place = Place::open().await;
        place.other.connection().execute_unprepared("CREATE TABLE papers (paper blob)").await.unwrap();
        // More often than there are connections: none of them may be lost.
        for round in 0..10 {
            let first = place.store.begin().await.unwrap();
            see(&first, 1).await;
            let second = place.waiting().await;
            let first = tokio::spawn(first.commit());
            let second = second.await.unwrap();
            second.execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
            let error = second.execute_unprepared("INSERT INTO papers VALUES (randomblob(100000))").await.unwrap_err();
            assert_eq!(Fault::of(&error), Fault::Unavailable, "{error:?}");
            drop(second);
            let error = first.await.unwrap().unwrap_err();
            assert_eq!(Fault::of(&error), Fault::Unavailable, "{error:?}");
            assert_eq!(place.seen().await, 0, "round {round}");
            let refused = place.store.begin().await.unwrap();
            refused.execute_unprepared("INSERT INTO seen VALUES (2, 777)").await.unwrap();
            assert!(refused.commit().await.is_err(), "a parent is missing");
        }
        let third = place.store.begin().await.unwrap();
        see(&third, 3).await;
        third.commit().await.unwrap();
        assert_eq!(place.seen().await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_with_transactions_of_its_own_waits_for_its_turn() {
        let place = Place::open().await;
        let first = place.store.begin().await.unwrap();
        see(&first, 1).await;
        let alone = place.store.alone(async {
            let unit = place.store.pool().begin_with_options(immediate()).await?;
            let seen = unit.query_all_raw(Statement::from_string(DbBackend::Sqlite, "SELECT id FROM seen")).await?;
            unit.commit().await?;
            Ok::<_, DbErr>(seen.len())
        });
        tokio::pin!(alone);
        // It has been asked for once, so it is the first in the queue.
        tokio::select! {
            biased;
            _ = &mut alone => panic!("it is not its turn"),
            () = std::future::ready(()) => {}
        }
        let second = place.waiting().await;
        let (first, seen) = tokio::join!(first.commit(), alone);
        first.unwrap();
        assert_eq!(seen.unwrap(), 1, "what was left for the next to commit is committed before");
        second.await.unwrap().commit().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_unit_whose_owner_is_cancelled_while_it_waits_keeps_nobody_waiting() {
        let place = Place::open().await;
        let first = place.store.begin().await.unwrap();
        see(&first, 1).await;
        place.waiting().await.abort();
        first.commit().await.unwrap();
        assert_eq!(place.seen().await, 1);
    }
}
