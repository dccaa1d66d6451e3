//! Where tests plant faults and break rules, in builds for tests; in a release nothing of it is there.
//! Absent: who arms them (`launch`, from the environment and the standard input; a simulation, in its own process) and what must come
//! of it (the tests).

mod points;
mod rules;

pub use points::instead_of;
#[cfg(feature = "failpoints")]
pub use points::{strike, strike_thread};
#[cfg(feature = "failpoints")]
pub use rules::RULES;
pub use rules::broken;
