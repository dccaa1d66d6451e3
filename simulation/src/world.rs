//! The world of one seed: its dice, its time, its weather, and the trace of what happened.
//! Absent: what is in it; services, broker and buyers only ask it.

use crate::fault::{Counts, Fault};
use futures_util::FutureExt;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::{DbErr, RuntimeErr};
use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt,
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::{
    Clock, Micros,
    simulation::{self, Step},
};
use tokio::{
    runtime::Handle,
    sync::mpsc::UnboundedSender,
    time::{Instant, sleep},
};
use uuid::{Builder, Uuid};

/// When every simulation begins.
const BEGINNING: Micros = Micros(1_800_000_000_000_000);
/// Beyond so many per mille a fault at a step to the database would be all that happens.
const MOST_PER_MILLE: u32 = 25;
/// A message meets fewer chances.
const MOST_PER_MILLE_OF_MESSAGES: u32 = 200;
/// Steps to the database take up to so many milliseconds, as a rule.
const USUAL_MS: u64 = 4;
/// And so many when it is slow.
const SLOW_MS: u64 = 3_000;

/// An instance of a service, by number.
pub type InstanceId = usize;

thread_local! {
    /// Whose task is being run.
    static ACTING: Cell<Option<InstanceId>> = const { Cell::new(None) };
}

/// Does this in the name of an instance.
pub fn acting<T>(instance: InstanceId, act: impl FnOnce() -> T) -> T {
    let before = ACTING.replace(Some(instance));
    let done = act();
    ACTING.set(before);
    done
}

/// The world. Everything in it is on one thread; the lock is only for the compiler.
pub struct World {
    state: Mutex<State>,
    driver: Handle,
    began: Instant,
    killed: UnboundedSender<InstanceId>,
}

struct State {
    dice: StdRng,
    /// Per mille, for those faults that this seed has at all.
    weather: BTreeMap<Fault, u32>,
    counts: Counts,
    ids: u64,
    trace: Vec<String>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({})", self.now())
    }
}

impl World {
    /// A world in which some faults are to be expected, and others not: together they would hide each other. `driver` does the
    /// database's chores, `killed` hears of instances that die.
    pub fn new(seed: u64, driver: Handle, killed: UnboundedSender<InstanceId>) -> Arc<Self> {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut weather = BTreeMap::new();
        for fault in Fault::ALL {
            if dice.random_bool(0.5) {
                let most = if fault.is_of_messages() { MOST_PER_MILLE_OF_MESSAGES } else { MOST_PER_MILLE };
                weather.insert(fault, dice.random_range(1..=most));
            }
        }
        let state = State { dice, weather, counts: Counts::default(), ids: 0, trace: Vec::new() };
        Arc::new(Self { state: Mutex::new(state), driver, began: Instant::now(), killed })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time in it.
    pub fn now(&self) -> Micros {
        BEGINNING.plus(self.began.elapsed())
    }

    /// Its clock.
    pub fn clock(self: &Arc<Self>) -> Clock {
        let world = self.clone();
        Clock::from_fn(move || world.now())
    }

    /// Puts it down in the trace.
    pub fn note(&self, what: impl fmt::Display) {
        let after = self.began.elapsed();
        let line = match ACTING.get() {
            Some(instance) => format!("{:>9} instance {instance}: {what}", after.as_millis()),
            None => format!("{:>9} {what}", after.as_millis()),
        };
        self.state().trace.push(line);
    }

    /// All that was put down.
    pub fn trace(&self) -> Vec<String> {
        self.state().trace.clone()
    }

    /// How often each fault happened.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// A number below `end`, which is not 0.
    pub fn below(&self, end: u64) -> u64 {
        self.state().dice.random_range(0..end)
    }

    /// One of these, if there is one.
    pub fn one_of<'a, T>(&self, these: &'a [T]) -> Option<&'a T> {
        if these.is_empty() {
            return None;
        }
        let which = self.state().dice.random_range(0..these.len());
        these.get(which)
    }

    /// Lets up to so many milliseconds go by.
    pub async fn wait_up_to(&self, ms: u64) {
        let ms = self.below(ms + 1);
        sleep(Duration::from_millis(ms)).await;
    }

    /// Whether this happens now.
    pub fn strikes(&self, fault: Fault) -> bool {
        let struck = {
            let mut state = self.state();
            let per_mille = state.weather.get(&fault).copied().unwrap_or(0);
            per_mille > 0 && state.dice.random_range(0..1_000) < per_mille
        };
        if struck {
            self.happened(fault);
        }
        struck
    }

    /// Whether this seed has it.
    pub fn has(&self, fault: Fault) -> bool {
        self.state().weather.contains_key(&fault)
    }

    /// Takes note that it happened.
    pub fn happened(&self, fault: Fault) {
        self.state().counts.note(fault);
        self.note(fault);
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&self) {
        self.state().weather.clear();
        self.note("all is well from now on");
    }

    /// If this happens now, the acting instance is dead, and this never comes back.
    pub async fn may_die(&self, of: Fault) {
        let Some(instance) = ACTING.get() else { return };
        if self.strikes(of) {
            // Whoever hears it takes the instance away; when the run is over nobody does any more.
            let _ = self.killed.send(instance);
            pending::<()>().await;
        }
    }

    /// If this happens now, the acting task panics.
    pub fn may_panic(&self, of: Fault) {
        if self.strikes(of) {
            std::panic::panic_any(SIMULATED_PANIC);
        }
    }

    async fn on_the_way(&self) {
        let most = if self.strikes(Fault::Slow) { SLOW_MS } else { USUAL_MS };
        self.wait_up_to(most).await;
    }
}

/// A world as the database's door sees it.
#[derive(Debug)]
pub struct Surroundings(pub Arc<World>);

type Fate = Pin<Box<dyn Future<Output = Result<(), DbErr>> + Send>>;

impl simulation::World for Surroundings {
    fn before(&self, step: Step) -> Fate {
        if ACTING.get().is_none() {
            return async { Ok(()) }.boxed();
        }
        let world = self.0.clone();
        let before = async move {
            world.on_the_way().await;
            if step == Step::Commit {
                world.may_die(Fault::KilledBeforeCommit).await;
            }
            world.may_panic(Fault::Panicked);
            if world.strikes(Fault::Refused) { Err(unavailable()) } else { Ok(()) }
        };
        before.boxed()
    }

    fn after(&self, step: Step) -> Fate {
        if ACTING.get().is_none() || step != Step::Commit {
            return async { Ok(()) }.boxed();
        }
        let world = self.0.clone();
        let after = async move {
            world.on_the_way().await;
            world.may_die(Fault::KilledAfterCommit).await;
            if world.strikes(Fault::AnswerLost) { Err(unavailable()) } else { Ok(()) }
        };
        after.boxed()
    }

    fn id(&self) -> Uuid {
        let ms = u64::try_from(self.0.now().0 / 1_000).unwrap_or(0);
        let mut state = self.0.state();
        state.ids += 1;
        // As `Uuid::now_v7` makes them: ids of one millisecond grow by a counter in front of the random bits.
        let count = state.ids.to_be_bytes();
        let mut rest = [0; 10];
        rest[..6].copy_from_slice(&count[2..]);
        state.dice.fill(&mut rest[6..]);
        Builder::from_unix_timestamp_millis(ms, &rest).into_uuid()
    }

    fn number(&self) -> u64 {
        self.0.state().dice.random()
    }

    fn driver(&self) -> Handle {
        self.0.driver.clone()
    }
}

/// What a simulated panic says, so that it can be told from a real one.
pub const SIMULATED_PANIC: &str = "a simulated panic";

fn unavailable() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("simulated: the connection broke".to_owned()))
}
