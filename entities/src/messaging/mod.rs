//! The messaging tables, the same in both databases; no broker and no delivery.

pub mod identity;
pub mod inbox;
pub mod outbox;
pub mod parked;
