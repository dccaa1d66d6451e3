//! An actor for each account in use, and the directory that finds, starts and retires them.
//! Absent: balances; an actor only keeps its account's commands in order and one change of it under way at a time.

use super::ledger::{AccountTasks, Answer, ChangeError, Done, Ledger, Task};
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Supervised, Supervisor};
use saga::UserId;
use std::{collections::HashMap, fmt, future::Future, time::Duration};
use supervision::{Admission, Ask, AskError, Gatherer, Handle, Limits, Vitals, Work};
use tokio::time::Instant;

/// An account's actor retires when nobody asked for it that long.
pub const IDLE: Duration = Duration::from_secs(30);
/// Commands of clients under way; more are refused with 503 before memory grows. About 1 KB each.
const MOST_FROM_CLIENTS: usize = 4_096;
/// Commands of one account in one change: its share of the transaction stays within milliseconds.
const MOST_TOGETHER: usize = 1_000;
/// Accounts changed in one transaction, and transactions at once. With one the next batch gathers while this one commits.
const LEDGER: Limits = Limits { admitted: usize::MAX >> 4, batch: 1_000, lanes: 1 };

/// One account's work: its waiting tasks become one question to the ledger.
struct Account {
    user: UserId,
    ledger: Handle<Ledger>,
}

type AskTask = Ask<Task, Answer>;

impl Work for Account {
    type Item = AskTask;
    const NAME: &'static str = "account";

    fn run(&self, batch: Vec<AskTask>) -> impl Future<Output = ()> + 'static {
        let (ledger, user) = (self.ledger.clone(), self.user.clone());
        async move {
            let (replies, tasks): (Vec<_>, Vec<_>) = batch.into_iter().map(Ask::into_parts).unzip();
            match ask(&ledger, AccountTasks { user, tasks }).await {
                Ok(answers) => replies.into_iter().zip(answers).for_each(|(reply, answer)| reply.answer(answer)),
                Err(error) => replies.into_iter().for_each(|reply| reply.answer(Err(error.into()))),
            }
        }
    }
}

async fn ask(ledger: &Handle<Ledger>, tasks: AccountTasks) -> Result<Vec<Answer>, AskError> {
    failpoints::point!("account::before-ledger", return Err(AskError::Lost));
    let answers = ledger.ask(tasks).await;
    failpoints::point!("account::after-ledger", return Err(AskError::Lost));
    answers
}

impl From<AskError> for ChangeError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Overloaded => Self::Overloaded,
            AskError::Lost => Self::Interrupted,
        }
    }
}

/// The directory: knows the actor of every account in use.
struct Directory {
    accounts: HashMap<UserId, Known>,
    ledger: Handle<Ledger>,
    vitals: Vitals,
    idle: Duration,
}

struct Known {
    handle: Handle<Account>,
    last_asked: Instant,
}

struct ForAccount {
    user: UserId,
    ask: AskTask,
}

impl Message for ForAccount {
    type Result = ();
}

struct InUse;

impl Message for InUse {
    type Result = usize;
}

impl Actor for Directory {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(self.idle / 2, |directory, _| directory.retire());
    }
}

impl Supervised for Directory {}

impl Directory {
    fn account(&mut self, user: UserId) -> &mut Known {
        let (ledger, vitals) = (&self.ledger, &self.vitals);
        self.accounts.entry(user).or_insert_with_key(|user| {
            let work = Account { user: user.clone(), ledger: ledger.clone() };
            let limits = Limits { admitted: MOST_TOGETHER, batch: MOST_TOGETHER, lanes: 1 };
            Known { handle: Gatherer::start(work, limits, vitals), last_asked: Instant::now() }
        })
    }

    /// Forgets accounts that nobody asked for. An actor without an address left ends once its mailbox and its work are done, so a
    /// message that arrived as it was retired is still handled.
    fn retire(&mut self) {
        let idle = self.idle;
        self.accounts.retain(|_, known| known.last_asked.elapsed() < idle && known.handle.alive());
        self.accounts.shrink_to(self.accounts.len() * 2);
    }
}

impl Handler<ForAccount> for Directory {
    type Result = ();

    fn handle(&mut self, ForAccount { user, ask }: ForAccount, _: &mut Context<Self>) {
        let known = self.account(user);
        known.last_asked = Instant::now();
        known.handle.add(vec![ask]);
    }
}

impl Handler<InUse> for Directory {
    type Result = usize;

    fn handle(&mut self, _: InUse, _: &mut Context<Self>) -> usize {
        self.accounts.len()
    }
}

/// The way to all accounts. A cheap clone, usable from any thread.
#[derive(Clone)]
pub struct Accounts {
    directory: Addr<Directory>,
    ledger: Handle<Ledger>,
    clients: Admission,
    messages: Admission,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("clients", &self.clients).field("messages", &self.messages).finish()
    }
}

impl Accounts {
    /// Starts the ledger and the directory on the current arbiter. `idle` is how long an unused account's actor lives.
    pub fn start(ledger: Ledger, vitals: &Vitals, idle: Duration) -> Self {
        let ledger = Gatherer::start(ledger, LEDGER, vitals);
        let (vitals, to_ledger) = (vitals.clone(), ledger.clone());
        let directory =
            Supervisor::start(move |_| Directory { accounts: HashMap::new(), ledger: to_ledger, vitals, idle });
        // The consumer's prefetch bounds its messages; twice that leaves room for its retries.
        let messages = Admission::new(usize::from(messaging::consumer::PREFETCH) * 2);
        Self { directory, ledger, clients: Admission::new(MOST_FROM_CLIENTS), messages }
    }

    /// Has a task done; comes back when its outcome is durable.
    ///
    /// # Errors
    /// [`ChangeError`] when there is no outcome.
    #[expect(clippy::disallowed_methods, reason = "admission bounds what is in the mailbox")]
    pub async fn change(&self, user: UserId, task: Task) -> Result<Done, ChangeError> {
        let admission = if task.message.is_some() { &self.messages } else { &self.clients };
        let (ask, answer) = admission.admit(task)?;
        self.directory.do_send(ForAccount { user, ask });
        answer.await.map_err(|_| ChangeError::Interrupted)?
    }

    /// Whether the directory and the ledger are there.
    pub fn alive(&self) -> bool {
        self.directory.connected() && self.ledger.alive()
    }

    /// Accounts that have an actor now.
    pub async fn in_use(&self) -> usize {
        self.directory.send(InUse).await.unwrap_or(0)
    }

    /// Comes back when no change is under way.
    pub async fn drain(&self) {
        self.ledger.idle().await;
    }
}
