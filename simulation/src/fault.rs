//! The faults that there are, and how often each one happened. Absent: when they happen (weather) and what they do.

use std::{collections::BTreeMap, fmt};

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident: $words:literal,)+) => {
        /// What goes wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Fault {
            /// All of them.
            pub const ALL: [Self; [$($words),+].len()] = [$(Self::$name),+];

            /// As reports have it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }
        }
    };
}

faults! {
    /// The database does not do what it is asked.
    Refused: "database refuses a step",
    /// The database does it, and the answer is lost: at a commit nobody knows then whether it was one.
    AnswerLost: "database's answer lost after the commit",
    /// A step takes as long as many others.
    Slow: "database slow",
    /// An instance dies before its commit.
    KilledBeforeCommit: "killed before a commit",
    /// An instance dies after its commit.
    KilledAfterCommit: "killed after a commit",
    /// An instance dies before it publishes.
    KilledBeforePublish: "killed before a publish",
    /// An instance dies when the broker has the message, before the confirm.
    KilledBeforeConfirm: "killed before a confirm",
    /// An instance dies at some moment or other.
    Killed: "killed at any moment",
    /// An actor panics.
    Panicked: "an actor panics",
    /// A consumer panics with messages in hand.
    ConsumerPanicked: "a consumer panics",
    /// An instance stands still for a while, and knows nothing of it.
    Frozen: "an instance frozen",
    /// A message never reaches the broker.
    Lost: "message lost before the broker",
    /// The broker has it, and the publisher does not learn so.
    ConfirmLost: "confirm lost",
    /// The broker says no.
    Nacked: "message refused by the broker",
    /// No queue takes it, says the broker.
    Returned: "message returned by the broker",
    /// It is delivered twice.
    Repeated: "message repeated",
    /// It is there twice, under two ids.
    OtherId: "message repeated under another id",
    /// It takes long.
    Delayed: "message delayed",
    /// It overtakes others.
    Reordered: "messages reordered",
    /// An instance's connection to the broker breaks: what it had not acknowledged is delivered again.
    Cut: "connection to the broker cut",
    /// What it had acknowledged is delivered again too.
    AcknowledgementLost: "acknowledgement lost",
    /// Partitions change hands, with messages of theirs under way.
    Dealt: "partitions dealt anew",
    /// The broker takes nothing for a while.
    Blocked: "broker blocks publishers",
    /// The broker is away for everybody.
    Away: "broker away",
    /// The broker comes back without its data.
    Emptied: "broker lost its data",
    /// Something arrives that is no message.
    Poison: "poison",
    /// A final order hears the opposite.
    Opposite: "opposite verdict for a final order",
}

impl Fault {
    /// Whether it is drawn for each message, and not for each step to the database.
    pub const fn is_of_messages(self) -> bool {
        use Fault::*;
        matches!(
            self,
            KilledBeforePublish
                | KilledBeforeConfirm
                | ConsumerPanicked
                | Lost
                | ConfirmLost
                | Nacked
                | Returned
                | Repeated
                | OtherId
                | Delayed
                | Reordered
                | AcknowledgementLost
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How often each fault happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Fault, u64>);

impl Counts {
    /// One more.
    pub fn note(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    /// Those of another run as well.
    pub fn add(&mut self, other: &Self) {
        for (fault, times) in &other.0 {
            *self.0.entry(*fault).or_default() += times;
        }
    }

    /// How often it happened.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in Fault::ALL {
            writeln!(f, "{:>9}  {fault}", self.of(fault))?;
        }
        Ok(())
    }
}
