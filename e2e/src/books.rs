//! The two databases of a shop under test: a place of their own, the audit, and single numbers from them.
//! Absent: writing to them; whatever they hold, the shop has put there.

use crate::wait::{LIMIT, eventually};
use anyhow::{Context, Result};
use gozon::{
    audit::{Expectations, Report, audit},
    databases::{Databases, Urls},
};
use std::time::Instant;
use store::{Rows, Sql, Store};

/// The books of one shop.
#[derive(Clone, Debug)]
pub struct Books {
    urls: Urls,
}

impl Books {
    /// The books that are found there.
    pub fn at(urls: Urls) -> Self {
        Self { urls }
    }

    /// Where they are.
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Opens both, for statements of a test's own; to be closed.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub async fn open(&self) -> Result<Databases> {
        Ok(Databases::open(&self.urls).await?)
    }

    /// Proves them; with `settled` it also has to be true that nothing is on its way.
    ///
    /// # Errors
    /// When a database gives no answer.
    pub async fn audit(&self, settled: bool) -> Result<Report> {
        let databases = self.open().await?;
        let report = audit(&databases.orders, &databases.payments, Expectations { settled }).await;
        databases.close().await;
        Ok(report?)
    }

    /// Waits until nothing is on its way any more and the books are right; gives the report.
    ///
    /// # Errors
    /// With the last report, when that does not come.
    pub async fn settled(&self) -> Result<Report> {
        let deadline = Instant::now() + LIMIT;
        eventually("the books to be settled and in order", || async move {
            let report = self.audit(true).await?;
            anyhow::ensure!(report.in_order || Instant::now() < deadline, "the books are not in order:\n{report}");
            Ok(report.in_order.then_some(report))
        })
        .await
    }

    /// One number from the orders database: the column `number` of a statement.
    ///
    /// # Errors
    /// When the database gives no answer.
    pub async fn of_orders(&self, sql: &'static str) -> Result<i64> {
        let databases = self.open().await?;
        let number = number(&databases.orders, sql).await;
        databases.close().await;
        number
    }

    /// One number from the payments database.
    ///
    /// # Errors
    /// When the database gives no answer.
    pub async fn of_payments(&self, sql: &'static str) -> Result<i64> {
        let databases = self.open().await?;
        let number = number(&databases.payments, sql).await;
        databases.close().await;
        number
    }
}

async fn number(store: &Store, sql: &'static str) -> Result<i64> {
    let rows = Sql::new(sql).query(store.connection(), Rows::new(), Vec::new()).await?;
    Ok(rows.first().context("the statement gives no row")?.try_get("", "number")?)
}
