//! Runs many seeds, and says what went wrong in how many ways. Absent: the simulation (the library).

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks")]

use anyhow::Result;
use clap::Parser;
use simulation::{Counts, Machine, Outcome, Transport, quiet_panics};
use std::{
    num::NonZero,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

/// Of a broken law, so much is printed on a line.
const LAW_CHARACTERS: usize = 110;

/// Runs the whole shop in simulated worlds, each made from a seed.
#[derive(Parser)]
struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    first: u64,
    /// How many seeds
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    seeds: u64,
    /// Seeds at a time [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// The kind of broker [default: by turns]
    #[arg(long, value_name = "BROKER")]
    transport: Option<Transport>,
    /// A rule to be broken in all of them, such as rule::inbox
    #[arg(long, value_name = "RULE")]
    broken: Option<String>,
    /// Break each rule by itself, and say which seed notices
    #[arg(long, conflicts_with = "broken")]
    rules: bool,
    /// Print the whole trace
    #[arg(long)]
    trace: bool,
}

impl Arguments {
    fn transport(&self, seed: u64) -> Transport {
        self.transport.unwrap_or(if seed.is_multiple_of(2) { Transport::Log } else { Transport::Queues })
    }
}

fn main() -> ExitCode {
    quiet_panics();
    let arguments = Arguments::parse();
    match if arguments.rules { break_rules(&arguments) } else { run(&arguments) } {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether each broken rule was noticed.
fn break_rules(arguments: &Arguments) -> Result<bool> {
    let (machine, mut noticed) = (Machine::new()?, 0);
    for rule in failpoints::RULES {
        fail::cfg(rule, "return").map_err(anyhow::Error::msg)?;
        let mut by = None;
        for seed in (arguments.first..).take(usize::try_from(arguments.seeds)?) {
            by = machine.run(seed, arguments.transport(seed))?.broken.map(|law| (seed, law));
            if by.is_some() {
                break;
            }
        }
        fail::remove(rule);
        match &by {
            Some((seed, law)) => {
                println!("{rule:<32} seed {seed:>4}  {}", law.chars().take(LAW_CHARACTERS).collect::<String>())
            }
            None => println!("{rule:<32} not noticed in {} seeds", arguments.seeds),
        }
        noticed += usize::from(by.is_some());
    }
    println!("{noticed} of {} broken rules noticed", failpoints::RULES.len());
    Ok(noticed == failpoints::RULES.len())
}

/// Whether all seeds were in order.
fn run(arguments: &Arguments) -> Result<bool> {
    if let Some(rule) = &arguments.broken {
        fail::cfg(rule, "return").map_err(anyhow::Error::msg)?;
    }
    let next = AtomicU64::new(arguments.first);
    let end = arguments.first.saturating_add(arguments.seeds);
    let threads = arguments.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let outcomes = thread::scope(|scope| {
        let work = || -> Result<Vec<Outcome>> {
            let (machine, mut outcomes) = (Machine::new()?, Vec::new());
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return Ok(outcomes);
                }
                let outcome = machine.run(seed, arguments.transport(seed))?;
                if outcome.broken.is_some() {
                    println!("{outcome}");
                }
                if arguments.trace {
                    outcome.trace.iter().for_each(|line| println!("{line}"));
                }
                outcomes.push(Outcome { trace: Vec::new(), ..outcome });
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked")));
        ended.collect::<Result<Vec<_>>>()
    })?;
    let outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
    let mut counts = Counts::default();
    outcomes.iter().for_each(|outcome| counts.add(&outcome.counts));
    let broken = outcomes.iter().filter(|outcome| outcome.broken.is_some()).count();
    let orders: usize = outcomes.iter().map(|outcome| outcome.orders).sum();
    let lasted: u64 = outcomes.iter().map(|outcome| outcome.lasted.as_secs()).sum();
    println!(
        "{counts}{} seeds, {orders} orders, {} hours of simulated time; broken: {broken}",
        outcomes.len(),
        lasted / 3_600
    );
    Ok(broken == 0)
}
