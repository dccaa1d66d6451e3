//! What the shop is compared with: the same rows by plain SQL. Absent: cleverness; each step is committed by itself.

mod pgbench;
mod sequence;
mod tables;

pub use pgbench::Pgbench;
pub use sequence::Sequence;
pub use tables::execute;
