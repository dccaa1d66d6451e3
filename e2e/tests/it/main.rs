//! The system tests: the whole shop from outside, healthy and broken. Each ends with the verdict on its books.
//!
//! Absent: single calls and their errors (the services' own tests have those). Without the feature `servers` only the embedded
//! shop is tested, without `failpoints` no panics.

#[cfg(feature = "servers")]
mod cancels;
mod contention;
mod crashes;
#[cfg(feature = "servers")]
mod deadlines;
#[cfg(feature = "servers")]
mod deployment;
#[cfg(feature = "servers")]
mod gateway;
#[cfg(feature = "servers")]
mod instances;
#[cfg(feature = "servers")]
mod messages;
#[cfg(feature = "servers")]
mod npm;
#[cfg(feature = "servers")]
mod observability;
#[cfg(feature = "servers")]
mod outages;
#[cfg(feature = "servers")]
mod page;
#[cfg(feature = "failpoints")]
mod panics;
#[cfg(feature = "servers")]
mod postman;
#[cfg(feature = "servers")]
mod private;
mod pushes;
#[cfg(feature = "servers")]
mod recovery;
mod script;
mod traces;
mod walkthrough;
