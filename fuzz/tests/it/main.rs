//! The targets over all inputs that are kept (`corpus/` and `regressions/`), and over what a few cheap changes make of those.
//! Absent: the engine, which finds new ones (`cargo xtask fuzz`); here every run is the same.

use fuzz::{TARGETS, Target, Verdict};
use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

/// Changed inputs for each kept one.
const CHANGES: u64 = 300;

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names of what is in a folder that may be missing, in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths
}

fn kept(target: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = ["corpus", "regressions"].map(|folder| home().join(folder).join(target));
    let paths = folders.iter().flat_map(|folder| entries(folder));
    paths.map(|path| (path.clone(), fs::read(path).expect("a readable file"))).collect()
}

/// xorshift64*: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits") % bound
    }
}

/// A bit turned, a byte of JSON put in, bytes cut out, a part repeated, or two inputs put together.
fn change(input: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = input.to_vec();
    let (at, to) = (numbers.below(bytes.len() + 1), numbers.below(bytes.len() + 1));
    let (from, to) = (at.min(to), at.max(to));
    match numbers.below(5) {
        0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
        1 => bytes.insert(at, b"\"\\{}[],:0123456789-+.eE \0\xff"[numbers.below(26)]),
        2 => drop(bytes.drain(from..to)),
        3 => bytes.splice(at..at, input[from..to].to_vec()).for_each(drop),
        _ => bytes.splice(from..to, other[..numbers.below(other.len() + 1)].to_vec()).for_each(drop),
    }
    bytes
}

#[test]
fn every_target_accepts_some_of_its_corpus_and_refuses_some() {
    for (name, target) in TARGETS {
        let verdicts: HashSet<_> = kept(name).values().map(|input| target(input)).collect();
        assert_eq!(verdicts, HashSet::from([Verdict::Accepted, Verdict::Refused]), "{name}");
    }
}

#[test]
fn every_corpus_belongs_to_a_target() {
    let names: Vec<_> = TARGETS.iter().map(|(name, _)| home().join("corpus").join(name)).collect();
    assert_eq!(entries(&home().join("corpus")), names);
    let known = |path: &PathBuf| TARGETS.iter().any(|(name, _)| path.ends_with(name));
    assert!(entries(&home().join("regressions")).iter().all(known));
}

#[test]
fn what_is_made_of_the_corpus_by_cheap_changes_breaks_no_law_either() {
    for (name, target) in TARGETS {
        let kept: Vec<_> = kept(name).into_values().collect();
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        for input in &kept {
            descend(target, input, &kept, &mut numbers);
        }
    }
}

/// Changes upon changes, and back to the beginning when nothing is left of it.
fn descend(target: Target, input: &[u8], kept: &[Vec<u8>], numbers: &mut Numbers) {
    let mut now = input.to_vec();
    for _ in 0..CHANGES {
        let other = &kept[numbers.below(kept.len())];
        now = change(&now, other, numbers);
        if target(&now) == Verdict::Refused && numbers.below(4) > 0 || now.len() > 8_192 {
            now = input.to_vec();
        }
    }
}
