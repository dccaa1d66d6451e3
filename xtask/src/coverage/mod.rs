//! How much of the code the tests run: the instrumented build, and the report with its floor.
//!
//! `cargo llvm-cov` is used only for what it alone knows (the compiler's flags, where the profiles are); the builds and
//! test runs in between are plain cargo, with the environment that it asks for.

mod environment;
mod report;
mod stale;
mod tool;

pub use report::Report;
pub use tool::Tool;
