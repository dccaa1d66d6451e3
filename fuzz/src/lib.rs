//! What strangers may send, as fuzz targets: each parses bytes as the product does, and panics when a law about the outcome is broken.
//! Absent: the engine that makes inputs up (`main.rs`), and the laws of single values that the crates' own tests have.

mod announcements;
mod bodies;
mod headers;
mod messages;
mod money;
mod pages;
mod problems;

use std::{env, sync::LazyLock};

/// What became of an input. A target that panics instead has found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It means something, and all that follows from that holds.
    Accepted,
    /// It means nothing, and the refusal says why.
    Refused,
}

impl Verdict {
    fn of(accepted: bool) -> Self {
        if accepted { Self::Accepted } else { Self::Refused }
    }
}

/// One parser of the product, with its laws.
pub type Target = fn(&[u8]) -> Verdict;

/// All targets, by the names of their corpora.
pub const TARGETS: [(&str, Target); 6] = [
    ("announcements", announcements::announcement),
    ("bodies", bodies::body),
    ("headers", headers::headers),
    ("messages", messages::message),
    ("money", money::money),
    ("pages", pages::page),
];

/// The target that the program's last argument names: libFuzzer has options of its own, and leaves those behind `-ignore_remaining_args=1` alone.
///
/// # Panics
/// When there is no such target.
pub fn chosen() -> Target {
    static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
        let name = env::args().next_back().unwrap_or_default();
        let target = TARGETS.iter().find(|(known, _)| *known == name);
        target.unwrap_or_else(|| panic!("{name:?} is no target")).1
    });
    *CHOSEN
}
