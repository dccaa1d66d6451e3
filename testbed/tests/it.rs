//! The testbed under test: the proxy with plain sockets, and (feature `servers`) real servers killed and brought back.
//!
//! Not here: what clients see of a server that dies; that is tested where the clients are.
#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic like the tests themselves")]

#[path = "it/proxy.rs"]
mod proxy;
#[cfg(feature = "servers")]
#[path = "it/servers.rs"]
mod servers;
