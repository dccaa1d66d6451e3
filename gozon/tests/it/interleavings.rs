//! Orders, cancels, deadlines, restarts and messages in every order that can be generated, against the laws that hold whatever happens.
//!
//! Absent: processes that die and real brokers; the system tests have those. The seed is fixed: a case that fails, fails again, and
//! shrinks to the few steps that it takes.

#[path = "interleavings/house.rs"]
mod house;
#[path = "interleavings/laws.rs"]
mod laws;
#[path = "interleavings/wire.rs"]
mod wire;

use crate::shop::TestResult;
use actix_web::rt::System;
use futures_util::future::{FutureExt, LocalBoxFuture, try_join_all};
use gozon::audit::{Expectations, audit};
use house::{House, Service};
use laws::{Ending, Seen, Witness};
use messaging::Letter;
use orders_svc::settling::Settled;
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, RngSeed, TestCaseError, TestRunner},
};
use saga::OrderId;
use std::{cell::RefCell, collections::BTreeSet, time::Duration};
use tokio::time::timeout;
use wire::{Reception, under_another_id};

/// Enough that every ending is met many times, and as a sample.
const CASES: (u32, u32) = (32, 8);
/// How long a case may take. Generous: a machine that compiles at the same time is no defect.
const LIMIT: Duration = Duration::from_secs(60);
/// The third has no account.
const USERS: [&str; 3] = ["ann", "bob", "nobody"];

/// What happens. Orders and letters are counted from the first, round and round.
#[derive(Clone, Debug)]
enum Step {
    TopUp {
        user: usize,
        units: i64,
    },
    Place {
        user: usize,
        units: i64,
    },
    Cancel {
        order: usize,
    },
    /// One of the letters that were not delivered yet.
    Deliver {
        letter: usize,
    },
    /// Any letter that there ever was.
    Repeat {
        letter: usize,
        under_another_id: bool,
    },
    /// How the next letter fares that a service publishes.
    NextLetter(Reception),
    DeadlinesPass,
    Restart(Service),
    AtOnce(Vec<Step>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..2_usize, 1..=9_i64).prop_map(|(user, units)| Step::TopUp { user, units }),
        5 => (0..USERS.len(), 1..=6_i64).prop_map(|(user, units)| Step::Place { user, units }),
        4 => (0..6_usize).prop_map(|order| Step::Cancel { order }),
        9 => (0..6_usize).prop_map(|letter| Step::Deliver { letter }),
        3 => (0..12_usize, any::<bool>())
            .prop_map(|(letter, under_another_id)| Step::Repeat { letter, under_another_id }),
        1 => select(&[Reception::Unconfirmed, Reception::Refused][..]).prop_map(Step::NextLetter),
        1 => Just(Step::DeadlinesPass),
        1 => select(&[Service::Orders, Service::Payments][..]).prop_map(Step::Restart),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at_once = vec(step(), 2..6).prop_map(Step::AtOnce);
    vec(prop_oneof![4 => step(), 1 => at_once], 8..32)
}

/// A shop with what its buyers know.
struct Case {
    house: House,
    placed: RefCell<Vec<(usize, OrderId)>>,
    too_late: RefCell<BTreeSet<OrderId>>,
    witness: RefCell<Witness>,
}

impl Case {
    async fn open() -> TestResult<Self> {
        let house = House::open().await?;
        for (user, units) in [(USERS[0], 10), (USERS[1], 3)] {
            house.open_account(user).await?;
            house.top_up(user, units).await?;
        }
        Ok(Self { house, placed: RefCell::default(), too_late: RefCell::default(), witness: RefCell::default() })
    }

    fn take<'a>(&'a self, step: &'a Step) -> LocalBoxFuture<'a, TestResult> {
        async move {
            match step {
                Step::TopUp { user, units } => self.house.top_up(USERS[*user], *units).await,
                Step::Place { user, units } => {
                    let order = self.house.place(USERS[*user], *units).await?;
                    self.placed.borrow_mut().extend(order.map(|order| (*user, order)));
                    Ok(())
                }
                Step::Cancel { order } => self.cancel(*order).await,
                Step::Deliver { letter } => self.deliver(self.house.wire.take(*letter)).await,
                Step::Repeat { letter, under_another_id: false } => self.deliver(self.house.wire.recall(*letter)).await,
                Step::Repeat { letter, under_another_id: true } => {
                    self.deliver(self.house.wire.recall(*letter).as_ref().map(under_another_id)).await
                }
                Step::NextLetter(reception) => {
                    self.house.wire.receive_next(*reception);
                    Ok(())
                }
                Step::DeadlinesPass => self.house.pass_deadlines().await,
                Step::Restart(service) => self.house.restart(*service).await,
                Step::AtOnce(steps) => try_join_all(steps.iter().map(|step| self.take(step))).await.map(drop),
            }
        }
        .boxed_local()
    }

    async fn cancel(&self, order: usize) -> TestResult {
        let chosen = {
            let placed = self.placed.borrow();
            order.checked_rem(placed.len()).map(|order| placed[order])
        };
        let Some((user, order)) = chosen else { return Ok(()) };
        match self.house.cancel(USERS[user], order).await? {
            Some(Settled::Changed | Settled::Unchanged) => self.witness.borrow_mut().promised_to_cancel(order),
            Some(Settled::TooLate) => drop(self.too_late.borrow_mut().insert(order)),
            Some(Settled::Contradicted) => return Err(format!("a wish about {order} contradicts payments").into()),
            None => {}
        }
        Ok(())
    }

    async fn deliver(&self, letters: impl IntoIterator<Item = Letter>) -> TestResult {
        try_join_all(letters.into_iter().map(|letter| self.house.wire.deliver(letter))).await?;
        Ok(())
    }

    /// Nothing is under way, and what was final before is as it was.
    async fn look(&self) -> TestResult<Seen> {
        self.house.quiet().await?;
        let seen = Seen::of(&self.house.books).await?;
        let mut witness = self.witness.borrow_mut();
        witness.look(&seen)?;
        for order in std::mem::take(&mut *self.too_late.borrow_mut()) {
            witness.told_too_late(order, &seen)?;
        }
        Ok(seen)
    }

    /// Delivers all that is still on its way, and what follows from it.
    async fn drain(&self) -> TestResult<Seen> {
        loop {
            loop {
                let letters: Vec<_> = std::iter::from_fn(|| self.house.wire.take(0)).collect();
                if letters.is_empty() {
                    break;
                }
                self.deliver(letters).await?;
                self.house.quiet().await?;
            }
            if !self.house.unconfirmed().await? {
                return self.look().await;
            }
            // What was not confirmed is published by whoever starts.
            for service in [Service::Orders, Service::Payments] {
                self.house.restart(service).await?;
            }
            self.house.confirmed().await?;
        }
    }

    /// Everything that was ever said once more, the last first: it is all known.
    async fn repeat_everything(&self) -> TestResult {
        let letters = self.house.wire.letters();
        let again = letters.iter().rev().flat_map(|letter| [letter.clone(), under_another_id(letter)]);
        self.deliver(again).await
    }
}

async fn run(steps: &[Step]) -> TestResult<Vec<Ending>> {
    let case = Case::open().await?;
    let judged = timeout(LIMIT, judge(&case, steps)).await.unwrap_or_else(|_| Err("it never came to an end".into()));
    let closed = timeout(LIMIT, case.house.close()).await.unwrap_or_else(|_| Err("it could not be stopped".into()));
    let endings = judged?;
    closed?;
    Ok(endings)
}

/// Takes all steps, brings everything to its end, and looks whether that is right.
async fn judge(case: &Case, steps: &[Step]) -> TestResult<Vec<Ending>> {
    for step in steps {
        case.take(step).await?;
        case.look().await?;
    }
    let seen = case.drain().await?;
    let endings = case.witness.borrow().endings(&seen)?;
    Witness::check_announced(&seen, &case.house.wire.announced())?;
    case.repeat_everything().await?;
    let again = case.drain().await?;
    if again != seen {
        return Err(format!("messages that came again have changed {seen:?} to {again:?}").into());
    }
    let report = audit(&case.house.books.orders, &case.house.books.payments, Expectations { settled: true }).await?;
    if report.in_order { Ok(endings) } else { Err(report.to_string().into()) }
}

#[test]
fn whatever_happens_in_whatever_order_each_order_ends_once_and_costs_what_its_end_says() -> TestResult {
    let config = Config {
        cases: if testbed::is_exhaustive() { CASES.0 } else { CASES.1 },
        max_shrink_iters: 300,
        rng_seed: RngSeed::Fixed(6),
        failure_persistence: None,
        ..Config::default()
    };
    let met = RefCell::new(BTreeSet::new());
    TestRunner::new(config).run(&steps(), |steps| {
        let endings = System::new().block_on(run(&steps));
        met.borrow_mut().extend(endings.map_err(|error| TestCaseError::fail(error.to_string()))?);
        Ok(())
    })?;
    // A sample is too small for all of them.
    let expected = if testbed::is_exhaustive() { Ending::ALL.len() } else { 2 };
    let met = met.into_inner();
    assert!(met.len() >= expected, "of {:?} only {met:?} has been met", Ending::ALL);
    Ok(())
}
