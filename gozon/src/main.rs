//! The command `gozon`: reads the command line, does what it says, prints what came of it.
//! Absent: the work itself; the library does that and prints nothing.

use clap::error::ErrorKind;
use gozon::{
    audit::{Expectations, audit},
    config::{self, AuditOptions, Choice, Cli, Command, DeadAction, PairOptions, PlaceOptions, UpOptions},
    databases::{CannotOpen, DatabaseError, Databases},
    dead::{self, Act, Broker, Places, Which},
    lock::Lock,
    pair::{Standing, Together},
    up,
};
use std::{
    io::{self, Write},
    process::ExitCode,
};
use store::Clock;

/// Done, and all is well.
const WELL: u8 = 0;
/// Done, and something is wrong; or it could not be done.
const WRONG: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;

/// What to print on standard output, and the exit code.
type Answer = (String, u8);

/// Why there is none: one line, and the exit code.
struct Refusal(String, u8);

fn main() -> ExitCode {
    let answer = match config::parse() {
        Ok(cli) => run(cli),
        Err(asked) if matches!(asked.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok((asked.render().to_string(), WELL))
        }
        Err(error) => Err(Refusal(config::one_line(&error), USAGE)),
    };
    let answer = answer.and_then(|(text, code)| {
        // Whoever reads may have seen enough (`| head`); the exit code still counts.
        match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Refusal::wrong(&error)),
            _ => Ok(code),
        }
    });
    let code = answer.unwrap_or_else(|Refusal(why, code)| {
        // Without a standard error there is nobody to tell; the exit code still counts.
        drop(writeln!(io::stderr(), "gozon: {}", why.replace('\n', " ")));
        code
    });
    ExitCode::from(code)
}

fn run(cli: Cli) -> Result<Answer, Refusal> {
    match cli.command {
        None => open_shop(cli.up),
        Some(Command::Up(options)) => open_shop(options),
        Some(Command::Audit(options)) => block_on(prove(&options)),
        Some(Command::Pair(options)) => block_on(pair(&options)),
        Some(Command::Dead(options)) => block_on(dead_messages(options.action)),
    }
}

/// Within an actix system, which the actors live in.
fn open_shop(options: UpOptions) -> Result<Answer, Refusal> {
    let ran = actix_web::rt::System::new().block_on(up::run(options));
    ran.map(|()| (String::new(), WELL)).map_err(|error| Refusal::usage(&error))
}

fn block_on(work: impl Future<Output = Result<Answer, Refusal>>) -> Result<Answer, Refusal> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Refusal::wrong(&error))?.block_on(work)
}

async fn dead_messages(action: DeadAction) -> Result<Answer, Refusal> {
    match action {
        DeadAction::List { places, json } => list(&places, json).await,
        DeadAction::Show { places, id } => show(&places, &id).await,
        DeadAction::Replay(choice) => act(Act::Replay, choice).await,
        DeadAction::Discard(choice) => act(Act::Discard, choice).await,
    }
}

async fn prove(options: &AuditOptions) -> Result<Answer, Refusal> {
    let databases = Databases::open(&options.databases.urls().map_err(|bad| Refusal::usage(&bad))?).await?;
    let expectations = Expectations { settled: options.settled };
    let report = audit(&databases.orders, &databases.payments, expectations).await;
    databases.close().await;
    let report = report.map_err(|error| Refusal::wrong(&error))?;
    let text = if options.json { report.json() + "\n" } else { report.to_string() };
    Ok((text, if report.in_order { WELL } else { WRONG }))
}

async fn pair(options: &PairOptions) -> Result<Answer, Refusal> {
    let changes = options.accept || options.new;
    let _lock = match options.databases.data_dir().filter(|_| changes) {
        Some(dir) => Some(Lock::take(dir, true).map_err(|why| Refusal(why, USAGE))?),
        None => None,
    };
    let databases = Databases::open(&options.databases.urls().map_err(|bad| Refusal::usage(&bad))?).await?;
    let standing = paired(&databases, options).await;
    databases.close().await;
    let standing = standing.map_err(|error| Refusal::wrong(&error))?;
    Ok((standing.to_string(), if standing.together() == Together::No { WRONG } else { WELL }))
}

async fn paired(databases: &Databases, options: &PairOptions) -> Result<Standing, DatabaseError> {
    let standing = Standing::read(databases).await?;
    if options.accept {
        standing.accept(databases).await?;
    } else if options.new {
        standing.renew(databases).await?;
    }
    Standing::read(databases).await
}

async fn list(options: &PlaceOptions, json: bool) -> Result<Answer, Refusal> {
    let places = open(options).await?;
    let messages = places.list().await;
    places.close().await;
    let messages = messages.map_err(|error| Refusal::wrong(&error))?;
    Ok((if json { dead::list_json(&messages) } else { dead::list(&messages) }, WELL))
}

async fn show(options: &PlaceOptions, id: &str) -> Result<Answer, Refusal> {
    let places = open(options).await?;
    let messages = places.show(id).await;
    places.close().await;
    let texts: Vec<_> = messages.map_err(|error| Refusal::wrong(&error))?.iter().map(dead::show).collect();
    if texts.is_empty() {
        Err(Refusal(format!("there is no message {id}"), WRONG))
    } else {
        Ok((texts.join("\n"), WELL))
    }
}

async fn act(act: Act, choice: Choice) -> Result<Answer, Refusal> {
    let places = open(&choice.places).await?;
    let which = if choice.all { Which::All } else { Which::These(choice.ids) };
    let outcome = places.act(act, &which).await;
    places.close().await;
    let outcome = outcome.map_err(|error| Refusal::wrong(&error))?;
    Ok((dead::outcome(&outcome), if outcome.unknown.is_empty() { WELL } else { WRONG }))
}

async fn open(options: &PlaceOptions) -> Result<Places, Refusal> {
    let databases = Databases::open(&options.databases.urls().map_err(|bad| Refusal::usage(&bad))?).await?;
    let url = options.broker_url().map_err(|bad| Refusal::usage(&bad))?;
    let broker = url.map(|url| Broker::start(&url, &options.broker_prefix)).transpose();
    let broker = broker.map_err(|bad| Refusal(format!("--broker-url: {bad}"), USAGE))?;
    Ok(Places { databases, broker, clock: Clock::system() })
}

impl Refusal {
    fn wrong(why: &impl ToString) -> Self {
        Self(why.to_string(), WRONG)
    }

    fn usage(why: &impl ToString) -> Self {
        Self(why.to_string(), USAGE)
    }
}

impl From<CannotOpen> for Refusal {
    fn from(why: CannotOpen) -> Self {
        let code = match why {
            CannotOpen::Url { .. } | CannotOpen::ForeignLog { .. } => USAGE,
            CannotOpen::Damaged(_) | CannotOpen::NoFile { .. } => WRONG,
        };
        Self(why.to_string(), code)
    }
}
