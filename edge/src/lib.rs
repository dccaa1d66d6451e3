//! The edge of the system: what both services' HTTP sides share, from the request's first byte to the problem it gets.
//! Absent on purpose: anything of the business (orders, accounts), the database, messages, configuration.

pub mod body;
pub mod caller;
pub mod health;
pub mod idempotency;
pub mod observe;
pub mod openapi;
pub mod page;
pub mod path;
pub mod problem;
pub mod server;

mod code;
mod patience;
mod trace;
mod wire;

pub use body::Fields;
pub use caller::Caller;
pub use code::Code;
pub use health::{Check, Health, configure_operation};
pub use idempotency::{IdempotencyKey, REPLAYED};
pub use observe::{HttpMetrics, Observer};
pub use page::{PageQuery, next_link, open_cursor, seal_cursor};
pub use path::order_id;
pub use problem::{FieldError, Problem, ProblemBody};
pub use server::{app_defaults, resource, serve};
pub use trace::Trace;
