//! The command line of the fault run. Absent: the environment; what was done must be readable from the command.

use crate::plan::{Kind, Plan, Transport};
use std::path::PathBuf;

/// The fault run: kills, freezes, cuts, poisons the whole shop as a seed says, heals it, and proves that nothing was lost or doubled.
#[derive(Clone, Debug, clap::Parser)]
#[command(bin_name = "cargo xtask chaos")]
pub struct Options {
    /// How long faults strike.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    pub seconds: u64,
    /// What the faults are drawn from: the same seed, the same plan.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// What carries the messages. On Kafka's mock there is no `broker-emptied`; only in builds with it.
    #[arg(long, value_enum, default_value_t)]
    pub transport: Transport,
    /// Write the report there, too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Only print the plan.
    #[arg(long)]
    pub plan: bool,
    /// Do without this kind of fault (may be repeated). Without `broker-emptied` no message is ever lost by a broker, and with a long
    /// --pay-within-seconds no deadline repairs what the shop loses by itself.
    #[arg(long, value_name = "KIND", value_enum)]
    pub without: Vec<Kind>,
    /// Failpoints that every process of the shop has all the time, such as `rule::inbox=return`; only in builds with them.
    #[arg(long, value_name = "POINTS", default_value = "")]
    pub failpoints: String,
    /// How long an order may wait for its payment. Short enough for what a broker that came back empty has lost to be decided soon.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(5..=3_600))]
    pub pay_within_seconds: u32,
}

impl Options {
    /// Why this build cannot do what is asked, if it cannot.
    pub fn refusal(&self) -> Option<&'static str> {
        match self {
            _ if !self.failpoints.is_empty() && !cfg!(feature = "failpoints") => {
                Some("--failpoints: this build has none; build it with the feature `failpoints`")
            }
            _ if self.transport == Transport::Kafka && !cfg!(feature = "kafka") => {
                Some("--transport kafka: this build has none; build it with the feature `kafka`")
            }
            _ => None,
        }
    }

    /// What shall happen. Panics need programs with failpoints in them.
    pub fn plan(&self) -> Plan {
        let mut without = self.without.clone();
        if !cfg!(feature = "failpoints") {
            without.push(Kind::Panic);
        }
        Plan::draw(self.seed, self.seconds, self.transport, &without)
    }
}
