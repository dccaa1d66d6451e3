//! The edge under test: a real server on a random port, with routes that do nothing but show what reached them.
//! Absent: the business; the services' own tests have that.

#[path = "it/harness.rs"]
mod harness;

#[path = "it/body.rs"]
mod body;
#[path = "it/errors.rs"]
mod errors;
#[path = "it/headers.rs"]
mod headers;
#[path = "it/money.rs"]
mod money;
#[path = "it/observation.rs"]
mod observation;
#[path = "it/operation.rs"]
mod operation;
#[path = "it/pages.rs"]
mod pages;
#[path = "it/wire.rs"]
mod wire;
