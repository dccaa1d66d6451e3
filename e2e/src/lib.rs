//! The whole shop under test: starting it as its users do, from its programs, using it over HTTP, breaking it, judging its books.
//!
//! Absent on purpose: anything that looks inside a running program, and sleeps; a test waits for what it can see from outside.
//!
//! | a test wants | it uses |
//! | --- | --- |
//! | the embedded shop | [`Shop::embedded`] |
//! | several instances on PostgreSQL and RabbitMQ | [`Plan`] (feature `servers`) |
//! | to be a user | [`Client`], [`User`] |
//! | a shop behind a proxy that says who is signed in | [`SignIn`] (feature `servers`) |
//! | to see the traces of orders | [`Collector`] |
//! | load, and to know what clients were promised | [`Traffic`], [`Receipts`] |
//! | the verdict on the books, without which no test passes | [`Shop::judged_after`] |

mod books;
#[cfg(feature = "servers")]
pub mod broker;
mod client;
mod collector;
#[cfg(feature = "servers")]
mod gateway;
mod metrics;
mod process;
pub mod programs;
#[cfg(feature = "servers")]
mod servers;
mod shop;
#[cfg(feature = "servers")]
mod sign_in;
pub mod socket;
mod traffic;
mod wait;

pub use anyhow::Result;
pub use books::Books;
pub use client::{Answer, Client, User};
pub use collector::{Collector, Recorded, Trace};
#[cfg(feature = "servers")]
pub use gateway::{Gateway, Upstreams};
pub use process::Process;
pub use programs::gozon;
#[cfg(feature = "servers")]
pub use programs::service;
#[cfg(feature = "servers")]
pub use servers::Plan;
pub use shop::Shop;
#[cfg(feature = "servers")]
pub use sign_in::SignIn;
pub use traffic::{Receipts, Traffic};
pub use wait::{LIMIT, eventually, until};
