//! A shop under test: its processes, its books, and the verdict without which no test passes.
//! Absent: what happens to it in between; that is the tests' business.

#[cfg(feature = "servers")]
use crate::broker::Topology;
use crate::{Books, Client, Process, Receipts, programs, wait::until};
use anyhow::{Context, Result, ensure};
use futures_util::{FutureExt, future::try_join_all};
use gozon::{audit::Report, config::embedded};
use std::{
    env,
    ffi::OsString,
    panic::{AssertUnwindSafe, resume_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Shops open at once. Each is a handful of busy processes; more of them would only wait for each other.
static ROOM: Semaphore = Semaphore::const_new(2);

/// A shop. Its processes are killed on `Drop`.
#[derive(Debug)]
pub struct Shop {
    /// The instances of the orders service, or the one process of the embedded shop.
    pub orders: Vec<Process>,
    /// The instances of the payments service.
    pub payments: Vec<Process>,
    /// Its books.
    pub books: Books,
    #[cfg(feature = "servers")]
    pub(crate) topology: Option<Topology>,
    /// Whether its databases are on a server, and still there.
    #[cfg(feature = "servers")]
    pub(crate) on_servers: bool,
    pub(crate) dir: TempDir,
    pub(crate) _room: SemaphorePermit<'static>,
}

/// A directory of a test's own, and the right to use the machine.
pub(crate) async fn room() -> Result<(TempDir, SemaphorePermit<'static>)> {
    let room = ROOM.acquire().await?;
    Ok((tempfile::Builder::new().prefix("gozon-").tempdir_in(env::temp_dir())?, room))
}

impl Shop {
    /// The embedded shop, open.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn embedded() -> Result<Self> {
        Self::embedded_with(&[]).await
    }

    /// The embedded shop with variables in its environment, open.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn embedded_with(variables: &[(&str, &str)]) -> Result<Self> {
        let mut shop = Self::prepare(None, variables).await?;
        shop.start().await?;
        Ok(shop)
    }

    /// The embedded shop with its data in this directory, not started.
    ///
    /// # Errors
    /// When there is no program.
    pub async fn embedded_in(data: &Path) -> Result<Self> {
        Self::prepare(Some(data), &[]).await
    }

    async fn prepare(data: Option<&Path>, variables: &[(&str, &str)]) -> Result<Self> {
        let (dir, _room) = room().await?;
        let data = data.map_or_else(|| dir.path().join("data"), Path::to_owned);
        let arguments = [OsString::from("up"), "--data-dir".into(), data.clone().into()];
        let program = tokio::task::spawn_blocking(programs::gozon).await??;
        let mut shop = Process::new("gozon".to_owned(), program, arguments.into(), dir.path().to_owned());
        variables.iter().for_each(|(variable, value)| shop.set(variable, value));
        Ok(Self {
            orders: vec![shop],
            payments: Vec::new(),
            books: Books::at(embedded(&data)?),
            #[cfg(feature = "servers")]
            topology: None,
            #[cfg(feature = "servers")]
            on_servers: false,
            dir,
            _room,
        })
    }

    /// A client of all instances.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn client(&self) -> Result<Client> {
        let endpoints = |processes: &[Process]| processes.iter().map(Process::endpoint).collect::<Arc<[_]>>();
        Client::of(endpoints(&self.orders), endpoints(&self.payments))
    }

    /// Leaves the processes' logs where they are when the shop is gone; says where.
    pub fn keep_logs(&mut self) -> PathBuf {
        self.dir.disable_cleanup(true);
        self.dir.path().to_owned()
    }

    /// Its exchanges and queues.
    ///
    /// # Errors
    /// When it is the embedded shop, which has none.
    #[cfg(feature = "servers")]
    pub fn broker(&self) -> Result<&Topology> {
        self.topology.as_ref().context("the embedded shop has its broker in the process")
    }

    /// The URL of the first instance, for programs that are given one.
    ///
    /// # Errors
    /// When it does not run.
    pub fn base(&self) -> Result<String> {
        self.orders.first().context("there is no instance")?.base()
    }

    /// Waits until all instances say that they are ready.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn ready(&self) -> Result<()> {
        let client = &self.client()?;
        until("all instances to be ready", || async move { client.ready().await }).await
    }

    /// All processes.
    pub fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        self.orders.iter_mut().chain(&mut self.payments)
    }

    /// Tells all processes to stop at once. Each has to end with code 0, and to leave no outbox row to a sender that is gone.
    ///
    /// # Errors
    /// When one ends otherwise.
    pub async fn stop(&mut self) -> Result<()> {
        try_join_all(self.processes().filter(|process| process.runs()).map(async |process| {
            let status = process.terminate().await?;
            ensure!(status.success(), "ended with {status}; {}", process.quoted());
            Ok(())
        }))
        .await?;
        const LEASED: &str = "SELECT count(*) AS number FROM outbox WHERE lease_until <> 0";
        let leased = (self.books.of_orders(LEASED).await?, self.books.of_payments(LEASED).await?);
        ensure!(leased == (0, 0), "rows are leased to nobody, in orders' and payments' outbox: {leased:?}");
        Ok(())
    }

    /// Starts all processes that do not run.
    ///
    /// # Errors
    /// When one does not start, or does not become ready.
    pub async fn start(&mut self) -> Result<()> {
        try_join_all(self.processes().filter(|process| !process.runs()).map(Process::start)).await?;
        self.ready().await
    }

    /// Has answers go to this instance of orders, counted from 0: they go to whoever has been there longest.
    ///
    /// # Errors
    /// When another one does not end with code 0, or does not become ready again.
    pub async fn settle_on(&mut self, instance: usize) -> Result<()> {
        for (number, junior) in self.orders.iter_mut().enumerate() {
            ensure!(number == instance || junior.terminate().await?.success(), "instance {number} ended with an error");
        }
        self.start().await
    }

    /// Waits until nothing is on its way any more; gives the report on the books.
    /// Books that look settled are not when an instance that everybody had given up still holds a message: it will answer it again.
    ///
    /// # Errors
    /// With the last report, when that does not come.
    pub async fn settled(&self) -> Result<Report> {
        self.no_message_in_hand().await?;
        let report = self.books.settled().await?;
        self.no_message_in_hand().await?;
        Ok(report)
    }

    async fn no_message_in_hand(&self) -> Result<()> {
        let client = &self.client()?;
        until("no instance to have a message in hand", || async move {
            let in_hand = ["orders", "payments"].map(|service| format!("{service}_inbox_in_hand"));
            Ok(client.counted(&in_hand[0], "").await? + client.counted(&in_hand[1], "").await? == 0)
        })
        .await
    }

    /// Does `test` to the shop and then gives the verdict: what clients were promised is there and final, the books are in order,
    /// nothing is left behind, and the processes end as they should.
    ///
    /// # Errors
    /// With the first thing that is wrong, and the ends of the processes' logs.
    pub async fn judged_after(mut self, test: impl AsyncFnOnce(&mut Self) -> Result<Arc<Receipts>>) -> Result<()> {
        let work = async {
            let receipts = test(&mut self).await?;
            self.judge(&receipts).await
        };
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        if !matches!(outcome, Ok(Ok(()))) {
            self.show_logs();
        }
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }

    #[expect(clippy::print_stderr, reason = "the test program shows it when the test fails, and only then")]
    fn show_logs(&mut self) {
        self.processes().for_each(|process| eprintln!("{}\n", process.quoted()));
    }

    async fn judge(&mut self, receipts: &Receipts) -> Result<()> {
        let report = self.settled().await?;
        receipts.check(&self.client()?).await?;
        if receipts.accepted() > 0 {
            let (there, promised) = (&report.money.topups, receipts.money());
            ensure!(*there == promised, "{promised} was put in, the ledger says {there}");
        }
        self.stop().await?;
        let report = self.books.audit(true).await?;
        ensure!(report.in_order, "stopping has brought the books out of order:\n{report}");
        #[cfg(feature = "servers")]
        self.remove().await?;
        Ok(())
    }

    /// Its queues are another shop's, too, and stay when it is removed.
    #[cfg(feature = "servers")]
    pub fn keep_queues(&mut self) {
        self.topology = None;
    }

    /// Takes away what a shop that has stopped keeps on the servers: its databases and queues.
    ///
    /// # Errors
    /// When a message was left in a queue.
    #[cfg(feature = "servers")]
    pub async fn remove(&mut self) -> Result<()> {
        if let Some(topology) = self.topology.take() {
            topology.remove().await?;
        }
        if std::mem::take(&mut self.on_servers) {
            crate::servers::remove(&self.books).await?;
        }
        Ok(())
    }
}
