//! The system tests: the whole shop from outside, healthy and broken. Each ends with the verdict on its books.
//!
//! Absent: single calls and their errors (the services' own tests have those). Without the feature `servers` only the embedded
//! shop is tested, without `failpoints` no crash points.

mod backups;
#[cfg(feature = "servers")]
mod cancels;
mod contention;
#[cfg(feature = "failpoints")]
mod crash_points;
mod crashes;
mod damage;
#[cfg(feature = "servers")]
mod damaged_server;
#[cfg(feature = "servers")]
mod databases;
#[cfg(feature = "servers")]
mod deadlines;
#[cfg(feature = "servers")]
mod deployment;
mod disks;
mod files;
#[cfg(feature = "servers")]
mod gateway;
#[cfg(feature = "servers")]
mod instances;
#[cfg(all(feature = "servers", feature = "kafka"))]
mod kafka;
mod meaning;
#[cfg(feature = "servers")]
mod messages;
#[cfg(feature = "servers")]
mod migrating;
#[cfg(feature = "servers")]
mod npm;
#[cfg(feature = "servers")]
mod observability;
#[cfg(feature = "servers")]
mod outages;
mod overload;
#[cfg(feature = "servers")]
mod page;
#[cfg(feature = "servers")]
mod pairs;
#[cfg(feature = "servers")]
mod postman;
#[cfg(feature = "servers")]
mod private;
mod pushes;
#[cfg(feature = "servers")]
mod recovery;
mod script;
mod strangers;
mod traces;
mod walkthrough;
#[cfg(all(feature = "servers", feature = "failpoints"))]
mod zombies;
