//! Payments: one account a user; create it, top it up, pay orders from it.
//! Absent: orders; the two services meet only through messages.
//!
//! A request's way: [`charging`] reads it, [`accounts`] decides and commits it with its answer; [`http`] is for the users.

pub mod accounts;
pub mod app;
pub mod charging;
pub mod config;
pub mod http;
pub mod metrics;
