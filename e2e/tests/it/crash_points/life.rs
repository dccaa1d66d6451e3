//! The life of a shop that is struck at one point after the other by the same kind of fault, while its buyers are at work.
//! Absent: which points (rows).

use super::{
    home::{self, Broker},
    rows::{First, ROWS, Row, Whose, World},
};
use anyhow::{Context, ensure};
use e2e::{Process, Receipts, Result, Shop, Traffic, until};
use std::{fmt::Write, fs, os::unix::process::ExitStatusExt, path::Path, sync::Arc};

/// Users and buyers: some to each account, so that its actor has commands to fold.
const CROWD: (usize, usize) = (3, 9);
/// Orders accepted between two faults.
const BETWEEN: usize = 9;
/// What a fault does, by the names that a point understands.
const ACTIONS: [&str; 4] = ["exit", "error", "panic", "delay"];
/// One strike in so many is in the sample: half of the points, each by one of the four actions.
const SAMPLE: u64 = 8;
/// What `abort` ends with.
const SIGABRT: i32 = 6;
/// Both services' actors, and what is counted like one.
const ACTORS: [&str; 16] = [
    "placing",
    "settling",
    "ledger",
    "account",
    "outbox-relay",
    "outbox-sweep",
    "inbox-consumer",
    "inbox-retry",
    "acknowledging",
    "fetching",
    "burying",
    "deadline",
    "overdue",
    "housekeeping",
    "push-listener",
    "waiting",
];

/// Whether this action strikes at this row. Which ones are in a sample, the seed says.
fn is_struck(number: usize, action: &str) -> bool {
    let action = ACTIONS.iter().position(|one| *one == action).expect("one of the actions");
    testbed::is_in_sample(number + action, SAMPLE)
}

/// Lives through the rows of this world with this action, and is judged.
pub(super) async fn live(world: World, action: &'static str) -> Result<()> {
    let (shop, broker) = home::open(world).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let traffic = Traffic::start_fickle(&shop.client()?, CROWD.0, CROWD.1).await?;
        traffic.goes_on(BETWEEN).await?;
        let mut life = Life { shop, broker: &broker, traffic, action, poisoned: 0, table: String::new() };
        let rows = ROWS.iter().enumerate().filter(|(_, row)| row.is_in(world));
        for (number, row) in rows.filter(|(number, _)| is_struck(*number, action)) {
            let whose = service(world, row.whose, number);
            let struck = life.strike(row, whose).await;
            struck.with_context(|| format!("{action} at {} of {whose:?}", row.point))?;
        }
        life.end(world).await
    })
    .await
}

/// Which of the services is struck, where both could be: in one process nobody can choose, on servers they take turns.
fn service(world: World, whose: Whose, number: usize) -> Whose {
    match (world, whose) {
        (World::Servers | World::Kafka, Whose::Either) if number.is_multiple_of(2) => Whose::Orders,
        (World::Servers | World::Kafka, Whose::Either) => Whose::Payments,
        (_, whose) => whose,
    }
}

struct Life<'a> {
    shop: &'a mut Shop,
    broker: &'a Broker,
    traffic: Traffic,
    action: &'static str,
    /// Messages that nobody can read, put there so far.
    poisoned: usize,
    /// What happened, a line a fault.
    table: String,
}

impl Life<'_> {
    /// One fault: the shop is struck, goes on, and its books are in order.
    async fn strike(&mut self, row: &Row, whose: Whose) -> Result<()> {
        let (troubles, aside, restarts) = (self.troubles(), self.set_aside().await?, self.restarts().await?);
        let before = self.process(whose)?.struck(row.point)?;
        let action = format!("1*return({})", self.action);
        self.process(whose)?.arm(row.point, &action).await?;
        match row.first {
            Some(First::Fault(Whose::Either, point, action)) => self.process(whose)?.arm(point, action).await?,
            Some(First::Fault(other, point, action)) => self.process(other)?.arm(point, action).await?,
            Some(First::Poison) => {
                self.broker.poison().await?;
                self.poisoned += 1;
            }
            None => {}
        }
        let process = &*self.process(whose)?;
        until(
            &format!("a fault to strike at {}", row.point),
            || async move { Ok(process.struck(row.point)? > before) },
        )
        .await?;
        let what = match self.action {
            "exit" => self.rise_again(whose).await?,
            "panic" => self.started_again(row, &restarts).await?,
            _ => String::new(),
        };
        self.traffic.goes_on(BETWEEN).await?;
        self.is_well().await?;
        // Buyers ask a process that is gone again and again, and the counters of one that was started begin anew.
        let (repeated, aside) = match self.action {
            "exit" => ("until it is back".to_owned(), String::new()),
            _ => ((self.troubles() - troubles).to_string(), (self.set_aside().await? - aside).to_string()),
        };
        let line = format!("| `{}` | {} | {whose:?} | {what} | {repeated} | {aside} |", row.point, self.action);
        Ok(writeln!(self.table, "{line}")?)
    }

    /// It has ended by the fault and by nothing else, its books are in order as it left them, and it is started again.
    async fn rise_again(&mut self, whose: Whose) -> Result<String> {
        let status = self.process(whose)?.ended().await?;
        ensure!(status.signal() == Some(SIGABRT), "it ended with {status}");
        let report = self.shop.books.audit(false).await?;
        ensure!(report.in_order, "right after the crash:\n{report}");
        self.shop.start().await?;
        Ok("the process".to_owned())
    }

    /// The actor whose work panicked is there again; says which actors had to start again.
    async fn started_again(&self, row: &Row, before: &[u64]) -> Result<String> {
        let (client, position) = (self.traffic.client(), |actor| ACTORS.iter().position(|one| *one == actor));
        if let Some(actor) = row.actor {
            let before = before[position(actor).context("an actor of the list")?];
            until(&format!("{actor} to start again"), || async move { Ok(restarts(client, actor).await? > before) })
                .await?;
        }
        let now = self.restarts().await?;
        let again = ACTORS.iter().zip(before.iter().zip(&now)).filter(|(_, (before, now))| now > before);
        let again: Vec<_> = again.map(|(actor, _)| *actor).collect();
        Ok(if again.is_empty() { "nothing".to_owned() } else { again.join(", ") })
    }

    async fn is_well(&self) -> Result<()> {
        let client = self.traffic.client();
        until("all actors to be there", || async move { client.ready().await }).await?;
        let report = self.shop.books.audit(false).await?;
        ensure!(report.in_order, "the books are not in order:\n{report}");
        Ok(())
    }

    fn process(&mut self, whose: Whose) -> Result<&mut Process> {
        match (whose, self.shop.payments.first_mut()) {
            (Whose::Payments, Some(payments)) => Ok(payments),
            _ => self.shop.orders.first_mut().context("an instance of orders"),
        }
    }

    fn troubles(&self) -> usize {
        self.traffic.client().troubles()
    }

    /// Messages that were put aside so far, by the processes that run now.
    async fn set_aside(&self) -> Result<u64> {
        let mut number = 0;
        for service in ["orders", "payments"] {
            let name = format!("{service}_inbox_messages_total");
            number += self.traffic.client().counted(&name, "outcome=\"failed\"").await?;
        }
        Ok(number)
    }

    async fn restarts(&self) -> Result<Vec<u64>> {
        let mut all = Vec::new();
        for actor in ACTORS {
            all.push(restarts(self.traffic.client(), actor).await?);
        }
        Ok(all)
    }

    /// The buyers end what they are about; writes down what happened.
    async fn end(self, world: World) -> Result<Arc<Receipts>> {
        let receipts = self.traffic.stop().await?;
        self.shop.books.settled().await?;
        self.broker.is_drained(self.poisoned).await?;
        let file = format!("crash-points-{world:?}-{}.md", self.action).to_lowercase();
        fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(file), self.table)?;
        Ok(receipts)
    }
}

/// The restarts of both services' actor of this name.
async fn restarts(client: &e2e::Client, actor: &str) -> Result<u64> {
    let mut number = 0;
    for service in ["orders", "payments"] {
        number += client.counted(&format!("{service}_actor_restarts_total"), &format!("actor=\"{actor}\"")).await?;
    }
    Ok(number)
}
