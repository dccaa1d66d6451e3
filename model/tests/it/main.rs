//! The model, checked: the whole protocol, and the protocol without each of its rules.
//! Absent: the services; their own tests and the system tests have those.

mod merging;
mod protocol;
mod rules;
