//! A model of the protocol between orders and payments, small enough that a checker looks at every state it can reach.
//! Absent: the services themselves. What an order and an account decide is asked of the shop's own functions ([`saga::order::step`] and
//! `payments_svc::accounts::account::fold`); tables, outboxes, broker and instances are as small here as they can be.
//!
//! Faults need not be counted: any number of crashes, lost connections, duplicates and leases that run out may come, at every step.
//! What is bounded are the orders, the instances (two of each service) and the top-ups (one). `docs/model.md` says what is left out.

mod letter;
mod merge;
mod payments;
mod progress;
mod properties;
mod shop;
mod state;
mod steps;

pub use letter::{Letter, Service};
pub use payments::{Decision, Record, Verdict, decide};
pub use properties::{EXAMPLES, LAWS};
pub use shop::{Action, Rule, Shop};
pub use state::{Account, At, Books, Cause, Desk, Instance, Mail, Order, Post, Row, Seen, State};
