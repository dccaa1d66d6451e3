//! The ledger: commits the changes of all accounts that wait in one transaction, with the inbox keys, the verdicts and the answers.
//! Absent: the decisions (the fold makes them) and the order of commands within an account (its actor keeps that).
//!
//! The accounts are read inside the transaction, not remembered between transactions: with several instances on one queue a
//! remembered balance would be stale every other time. See `docs/decisions/0003-ledger-reads-in-the-transaction.md`.

use super::{
    account::{Account, Command, Known, Outcome, Payment, Verdict, fold},
    spans,
    tables::{self, AccountChange, Recorded},
};
use crate::metrics::PaymentMetrics;
use messaging::{Letter, inbox, outbox, relay::Relay};
use saga::{
    Currency, MessageId, OrderId, UserId,
    messages::{PaymentCancelled, PaymentDeclined, PaymentSucceeded},
};
use sea_orm::DbErr;
use std::{collections::HashMap, future::Future, sync::Arc, time::SystemTime};
use store::{Clock, Fault, Micros, Store, Tx};
use supervision::{Ask, Work};
use telemetry::{TraceContext, Tracer};

/// How often a unit of work that met another instance's is tried again before it counts as failed. Each time somebody got through.
const MOST_MEETINGS: u32 = 20;

/// A command and, when it came as a message, what has to be recorded with it.
#[derive(Clone, Debug)]
pub struct Task {
    /// What is wanted.
    pub command: Command,
    /// The message that wants it.
    pub message: Option<Origin>,
}

/// Where a task came from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The key of the inbox.
    pub id: MessageId,
    /// The change and the answer are recorded below this.
    pub trace: Option<TraceContext>,
}

/// Tasks of one account, in order.
#[derive(Clone, Debug)]
pub struct AccountTasks {
    /// Whose account.
    pub user: UserId,
    /// What is wanted of it.
    pub tasks: Vec<Task>,
}

/// An outcome that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What the command came to.
    pub outcome: Outcome,
    /// When.
    pub at: Micros,
}

/// Why a command has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The database is away; perhaps the change was made and the answer lost.
    #[error("the database is unavailable")]
    Unavailable,
    /// Too much is under way; nothing was done.
    #[error("too much is under way")]
    Overloaded,
    /// The work panicked; perhaps after the change was made.
    #[error("the work was interrupted")]
    Interrupted,
    /// Anything else; nothing was done.
    #[error("{0}")]
    Failed(String),
}

/// A task's answer.
pub type Answer = Result<Done, ChangeError>;

/// The ledger actor's work.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The payments database.
    pub store: Store,
    /// Where answers go after the commit.
    pub relay: Relay,
    /// The time.
    pub clock: Clock,
    /// The shop's currency.
    pub currency: Currency,
    /// Counts.
    pub metrics: PaymentMetrics,
    /// Takes a span of each task that came as a message.
    pub tracer: Tracer,
}

impl Work for Ledger {
    type Item = Ask<AccountTasks, Vec<Answer>>;
    const NAME: &'static str = "ledger";

    fn run(&self, batch: Vec<Self::Item>) -> impl Future<Output = ()> + 'static {
        let ledger = Arc::new(self.clone());
        async move {
            let (asks, work): (Vec<_>, Vec<_>) = batch.into_iter().map(Ask::into_parts).unzip();
            let answers = ledger.commit_apart(work).await;
            for (reply, answer) in asks.into_iter().zip(answers) {
                reply.answer(answer);
            }
        }
    }
}

/// Why a transaction was given up.
enum GivenUp {
    /// Another instance changed one of the accounts first.
    Met,
    Database(DbErr),
}

impl From<DbErr> for GivenUp {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl Ledger {
    /// Commits all of it together or, when one part spoils the transaction for the others, each half by itself.
    async fn commit_apart(&self, work: Vec<AccountTasks>) -> Vec<Vec<Answer>> {
        match self.commit_met(&work).await {
            Ok(done) => done.into_iter().map(|one| one.into_iter().map(Ok).collect()).collect(),
            Err(ChangeError::Failed(error)) => match halves(&work) {
                Some((left, right)) => {
                    tracing::warn!(error, batch.size = work.len(), "a batch failed and is taken apart");
                    let mut answers = Box::pin(self.commit_apart(left)).await;
                    answers.extend(Box::pin(self.commit_apart(right)).await);
                    merge(&work, answers)
                }
                None => all(&work, &ChangeError::Failed(error)),
            },
            Err(error) => all(&work, &error),
        }
    }

    /// Commits, trying again whenever another instance was faster.
    async fn commit_met(&self, work: &[AccountTasks]) -> Result<Vec<Vec<Done>>, ChangeError> {
        let mut refused = None;
        for _ in 0..MOST_MEETINGS {
            let error = match self.commit(work).await {
                Ok(done) => return Ok(done),
                Err(GivenUp::Met) => continue,
                Err(GivenUp::Database(error)) => error,
            };
            match Fault::of(&error) {
                Fault::Contention => tracing::debug!(%error, "two units of work met"),
                // Another instance may have recorded the same order or created the same account between our reads and our writes.
                Fault::Constraint if self.is_race(work).await => {
                    tracing::debug!(%error, "another instance was faster");
                    refused = Some(error.to_string());
                }
                Fault::Unavailable => {
                    tracing::warn!(%error, "the ledger cannot reach its database");
                    return Err(ChangeError::Unavailable);
                }
                Fault::Constraint | Fault::Damaged | Fault::Defect => {
                    return Err(ChangeError::Failed(error.to_string()));
                }
            }
        }
        // Nobody is faster that often: the books refuse it, whatever else is known about its orders.
        Err(refused.map_or(ChangeError::Unavailable, ChangeError::Failed))
    }

    /// Whether an order of the batch has a verdict by now, or an account that it was to create is there: then the constraint that
    /// refused it was a race, not a defect.
    async fn is_race(&self, work: &[AccountTasks]) -> bool {
        let Ok(tx) = self.store.begin().await else { return false };
        let Ok(Recorded { accounts, verdicts }) = tables::recorded(&tx, concerned(work)).await else { return false };
        let creates = |one: &&AccountTasks| one.tasks.iter().any(|task| task.command == Command::Create);
        !verdicts.is_empty() || work.iter().filter(creates).any(|one| accounts.contains_key(one.user.as_str()))
    }

    /// One transaction.
    async fn commit(&self, work: &[AccountTasks]) -> Result<Vec<Vec<Done>>, GivenUp> {
        let (now, since) = (self.clock.now(), SystemTime::now());
        let stale = self.stale(work).await?;
        let tx = self.store.begin().await?;
        let (recorded, decided) = self.decide(&tx, work, stale).await?;
        let (changes, outcomes): (Vec<_>, Vec<_>) = decided.into_iter().unzip();
        let writes = tables::Writes::of(&changes, self.currency, now);
        let decided = || changes.iter().flat_map(|one| one.change.payments.iter().chain(&one.change.refunds));
        let payments =
            recorded.into_values().chain(decided().cloned()).map(|payment| (payment.order_id, payment)).collect();
        let letters = self.answers(work, &outcomes, &payments, now);
        let lease = self.relay.lease(now);
        let keys = inbox::keys(tasks(work).filter_map(|(_, task)| Some(task.message.as_ref()?.id.uuid())), now);
        // Broken: the answers are handed over in memory only.
        let rows =
            if failpoints::broken("rule::answer-in-transaction") { None } else { outbox::rows(&letters, lease, now) };
        if !writes.execute(&tx, keys, rows).await? {
            return Err(GivenUp::Met);
        }
        failpoints::point!("ledger::before-commit", return Err(store::planted().into()));
        tx.commit().await?;
        failpoints::point!("ledger::after-commit", return Err(store::planted().into()));
        decided().for_each(|payment| self.metrics.decided(payment.verdict));
        spans::committed(&self.tracer, work, &outcomes, since);
        self.relay.hand_over(letters, lease);
        Ok(outcomes.into_iter().map(|one| one.into_iter().map(|outcome| Done { outcome, at: now }).collect()).collect())
    }

    /// Broken: the balances as they were before the transaction. A change that is folded from these and written nevertheless
    /// loses another instance's; dropping the check of `seq` alone would be noticed by the row locks and the key of the entries.
    async fn stale(&self, work: &[AccountTasks]) -> Result<Option<HashMap<String, Account>>, DbErr> {
        if !failpoints::broken("rule::chain") {
            return Ok(None);
        }
        tables::recorded(self.store.connection(), concerned(work)).await.map(|recorded| Some(recorded.accounts))
    }

    /// Reads what is known and folds each account's commands.
    async fn decide<'a>(
        &self,
        tx: &Tx,
        work: &'a [AccountTasks],
        stale: Option<HashMap<String, Account>>,
    ) -> Result<(HashMap<OrderId, Payment>, Vec<(AccountChange<'a>, Vec<Outcome>)>), DbErr> {
        let Recorded { accounts, verdicts } = tables::recorded(tx, concerned(work)).await?;
        let mut top_ups = tables::top_ups(tx, keys(work)).await?;
        let decide = |one: &'a AccountTasks| {
            let before = accounts.get(one.user.as_str()).copied();
            let commands: Vec<_> = one.tasks.iter().map(|task| task.command.clone()).collect();
            let old = stale.as_ref().and_then(|stale| stale.get(one.user.as_str()));
            let known = Known {
                account: before.map(|now| Account { balance: old.map_or(now.balance, |old| old.balance), ..now }),
                payments: of_commands(&verdicts, &commands),
                top_ups: top_ups.remove(one.user.as_str()).unwrap_or_default(),
            };
            let (change, outcomes) = fold(&one.user, known, &commands);
            (AccountChange { user: &one.user, before, change }, outcomes)
        };
        let decided = work.iter().map(decide).collect();
        Ok((verdicts, decided))
    }

    /// An answer for every request, also for one that was answered before: the asker may have lost it.
    fn answers(
        &self,
        work: &[AccountTasks],
        outcomes: &[Vec<Outcome>],
        payments: &HashMap<OrderId, Payment>,
        now: Micros,
    ) -> Vec<Letter> {
        let answer = |((_, task), outcome): ((&UserId, &Task), &Outcome)| {
            let (Outcome::Decided(_), Some(origin)) = (outcome, &task.message) else { return None };
            Some(self.letter(payments.get(&order(&task.command)?)?, origin.trace, now))
        };
        tasks(work).zip(outcomes.iter().flatten()).filter_map(answer).collect()
    }

    fn letter(&self, payment: &Payment, trace: Option<TraceContext>, now: Micros) -> Letter {
        let Payment { order_id, user_id, amount: amount_minor, verdict } = payment.clone();
        let currency = self.currency;
        match verdict {
            Verdict::Succeeded(transaction_id) => {
                let data = PaymentSucceeded { order_id, user_id, amount_minor, currency, transaction_id };
                self.relay.seal(&data, now, trace)
            }
            Verdict::Declined(reason) => {
                let data = PaymentDeclined { order_id, user_id, amount_minor, currency, reason };
                self.relay.seal(&data, now, trace)
            }
            Verdict::Fenced(cause) => {
                let data =
                    PaymentCancelled { order_id, user_id, amount_minor, currency, cause, refund_transaction_id: None };
                self.relay.seal(&data, now, trace)
            }
            Verdict::Refunded { cause, refund, .. } => {
                let refund_transaction_id = Some(refund);
                let data = PaymentCancelled { order_id, user_id, amount_minor, currency, cause, refund_transaction_id };
                self.relay.seal(&data, now, trace)
            }
        }
    }
}

pub(super) fn tasks(work: &[AccountTasks]) -> impl Iterator<Item = (&UserId, &Task)> + Clone {
    work.iter().flat_map(|one| one.tasks.iter().map(|task| (&one.user, task)))
}

/// The order that a command is about.
fn order(command: &Command) -> Option<OrderId> {
    match command {
        Command::Charge { order_id, .. } | Command::Cancel { order_id, .. } => Some(*order_id),
        Command::Create | Command::TopUp { .. } => None,
    }
}

/// The accounts and orders that have to be known.
fn concerned(work: &[AccountTasks]) -> impl Iterator<Item = (&UserId, Option<OrderId>)> + Clone {
    tasks(work).map(|(user, task)| (user, order(&task.command)))
}

fn keys(work: &[AccountTasks]) -> Vec<(&UserId, &str)> {
    fn key(command: &Command) -> Option<&str> {
        match command {
            Command::TopUp { key, .. } => key.as_deref(),
            Command::Create | Command::Charge { .. } | Command::Cancel { .. } => None,
        }
    }
    tasks(work).filter_map(|(user, task)| Some((user, key(&task.command)?))).collect()
}

fn of_commands(payments: &HashMap<OrderId, Payment>, commands: &[Command]) -> HashMap<OrderId, Payment> {
    let recorded = |order: OrderId| payments.get(&order).map(|payment| (order, payment.clone()));
    commands.iter().filter_map(order).filter_map(recorded).collect()
}

/// Two smaller batches: half of the accounts each or, of a single account, half of its tasks. `None` for a single task.
fn halves(work: &[AccountTasks]) -> Option<(Vec<AccountTasks>, Vec<AccountTasks>)> {
    match work {
        [one] if one.tasks.len() > 1 => {
            let (left, right) = one.tasks.split_at(one.tasks.len() / 2);
            let part = |tasks: &[Task]| vec![AccountTasks { user: one.user.clone(), tasks: tasks.to_vec() }];
            Some((part(left), part(right)))
        }
        [] | [_] => None,
        several => {
            let (left, right) = several.split_at(several.len() / 2);
            Some((left.to_vec(), right.to_vec()))
        }
    }
}

/// Puts the answers of the halves of a single account together again.
fn merge(work: &[AccountTasks], answers: Vec<Vec<Answer>>) -> Vec<Vec<Answer>> {
    if work.len() == 1 { vec![answers.into_iter().flatten().collect()] } else { answers }
}

fn all(work: &[AccountTasks], error: &ChangeError) -> Vec<Vec<Answer>> {
    work.iter().map(|one| one.tasks.iter().map(|_| Err(error.clone())).collect()).collect()
}
