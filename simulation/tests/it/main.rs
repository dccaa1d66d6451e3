//! The simulation is believed because it can fail: it repeats itself exactly, each fault happens, and each broken rule is noticed.
//! Absent: thousands of seeds, and each rule broken; the program has those (`--rules`), and `cargo xtask prove` runs it.

use failpoints::RULES;
use simulation::{Counts, Fault, Machine, Outcome, Transport, quiet_panics};
use std::sync::{PoisonError, RwLock};

/// Enough that each fault happens.
const SEEDS: u64 = 40;
/// So many seeds may miss a rule that is broken. Only two instances that meet on one account at the right moment show some of them.
const MOST_SEEDS: u64 = 200;

/// A broken rule is broken for the whole process.
static RULES_HOLD: RwLock<()> = RwLock::new(());

/// On either kind of broker by turns.
fn run(machine: &Machine, seed: u64) -> Outcome {
    let transport = if seed.is_multiple_of(2) { Transport::Log } else { Transport::Queues };
    machine.run(seed, transport).expect("a machine with room for two databases")
}

#[test]
fn the_same_seed_is_the_same_run() {
    let _hold = RULES_HOLD.read().unwrap_or_else(PoisonError::into_inner);
    quiet_panics();
    let machine = Machine::new().expect("a machine");
    for seed in 1..=4 {
        let (once, again) = (run(&machine, seed), run(&machine, seed));
        let differs = once.trace.iter().zip(&again.trace).find(|(one, other)| one != other);
        assert_eq!(once.fingerprint, again.fingerprint, "seed {seed} is another run: {differs:?}");
        assert!(once.trace.len() > 20, "something happens");
    }
    assert_ne!(run(&machine, 1).fingerprint, run(&machine, 2).fingerprint);
}

#[test]
fn each_fault_happens_and_the_shop_keeps_every_promise() {
    let _hold = RULES_HOLD.read().unwrap_or_else(PoisonError::into_inner);
    quiet_panics();
    let (machine, mut counts) = (Machine::new().expect("a machine"), Counts::default());
    for seed in 1_001..=1_000 + SEEDS {
        let outcome = run(&machine, seed);
        assert_eq!(outcome.broken, None, "{outcome}");
        counts.add(&outcome.counts);
    }
    let never: Vec<_> = Fault::ALL.into_iter().filter(|fault| counts.of(*fault) == 0).collect();
    assert_eq!(never, [], "never happened in {SEEDS} seeds");
}

#[test]
fn each_rule_that_is_broken_is_noticed() {
    let _broken = RULES_HOLD.write().unwrap_or_else(PoisonError::into_inner);
    quiet_panics();
    let machine = Machine::new().expect("a machine");
    let noticed = |rule: &str| {
        fail::cfg(rule, "return").expect("a rule");
        let outcome = (1..=MOST_SEEDS).map(|seed| run(&machine, seed)).find(|outcome| outcome.broken.is_some());
        fail::remove(rule);
        outcome
    };
    let mut unnoticed = Vec::new();
    let drawn = (0..RULES.len()).filter(|number| testbed::is_in_sample(*number, 4));
    for rule in drawn.map(|number| RULES[number]) {
        match noticed(rule) {
            Some(outcome) => assert!(outcome.to_string().lines().count() < 60, "short enough to read: {outcome}"),
            None => unnoticed.push(rule),
        }
    }
    assert_eq!(unnoticed, [""; 0], "of {} rules", RULES.len());
}
