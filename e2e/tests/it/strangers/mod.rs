//! Strangers: users who want what is not theirs, and clients that mean no good or know no better.
//! Absent: single rules of the edge (its own tests have those), and what the gateway refuses before (see the module `gateway`).

mod bodies;
mod crowd;
mod hostile;
mod keys;
mod routes;
#[cfg(feature = "servers")]
mod schemathesis;
mod sockets;
mod table;
