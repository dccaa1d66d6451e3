//! Money on an account, one change at a time.
//! Absent: why an order is paid (charging) and how clients ask (http).
//!
//! A command goes [`Accounts`] -> its account's actor -> the [`ledger`] -> one transaction with the changes of all accounts that
//! wait. [`account`] decides; the [`statement`] is read straight from the database.

pub mod account;
mod actor;
pub mod ledger;
mod spans;
pub mod statement;
mod tables;

pub use actor::{Accounts, IDLE};
