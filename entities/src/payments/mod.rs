//! The tables that only the payments database has; nothing of orders.

pub mod account;
pub mod entry;
pub mod payment;
