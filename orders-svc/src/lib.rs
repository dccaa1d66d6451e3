//! Orders: a user places an order, it is paid asynchronously, and everybody is told.
//! Absent: money; payments has it, and the two meet only through messages.
//!
//! An order's way: [`http`] parses it, [`placing`] commits it with its request to payments, [`settling`] steps its saga when the
//! answer arrives or somebody wants it cancelled, [`pushing`] tells those who watch; [`reading`] shows it.
//! [`under_way`] says when the next orders are placed, and keeps placing from outrunning settling.

pub mod app;
pub mod config;
mod deadline;
mod foundation;
mod frontier;
pub mod http;
pub mod mark;
pub mod metrics;
pub mod order;
mod overdue;
mod pace;
pub mod placing;
pub mod pushing;
pub mod reading;
pub mod settling;
#[cfg(test)]
mod testing;
mod timeline;
pub mod under_way;
mod waiting;
