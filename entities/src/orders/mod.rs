//! The tables that only the orders database has; nothing of payments.

pub mod order;
