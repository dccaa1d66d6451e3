//! The command behind the shop: proving its books and handling its dead messages, each also callable as a function.
//! Absent: any rule of orders or payments; the audit reads their tables and shares no code with what wrote them.

pub mod audit;
pub mod config;
pub mod databases;
pub mod dead;
mod directory;
pub mod lock;
pub mod page;
pub mod pair;
mod table;
pub mod up;
