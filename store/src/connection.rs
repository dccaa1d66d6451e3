//! Statements by themselves, outside a unit of work, on whichever connection of the pool is free.
//! Absent: transactions; `Store::begin` has those.

use crate::{Door, Files, fault, open::SQLITE_CONNECTIONS, outdated::Outdated};
use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};

/// A pool of connections behind the [`Door`].
#[derive(Clone, Debug)]
pub struct Connection {
    pub(crate) pool: DatabaseConnection,
    pub(crate) door: Door,
    pub(crate) outdated: Outdated,
    /// Of a SQLite database that is watched.
    pub(crate) files: Option<Files>,
}

impl Connection {
    /// Goes through the door, and has a look at the files first if a connection may have to be opened.
    fn pass(&self) -> Result<(), DbErr> {
        if let Some(files) = &self.files
            && self.pool.get_sqlite_connection_pool().size() < SQLITE_CONNECTIONS
        {
            files.look()?;
        }
        self.door.pass()
    }
}

impl Outdated {
    /// An answer that says that the session is at fault has all that were made so far thrown away.
    pub(crate) fn heed<T>(&self, answer: Result<T, DbErr>) -> Result<T, DbErr> {
        answer.inspect_err(|error| {
            if fault::is_of_the_session(error) {
                self.note();
            }
        })
    }
}

#[async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.pass()?;
        self.outdated.heed(self.pool.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.pass()?;
        self.outdated.heed(self.pool.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.pass()?;
        self.outdated.heed(self.pool.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.pass()?;
        self.outdated.heed(self.pool.query_all_raw(statement).await)
    }
}
