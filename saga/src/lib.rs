//! The pure core of Gozon: ids, money, the messages between the services and the order saga.
//! Absent on purpose: async, databases, actors, clocks, randomness. Everything here is a value or a function of values.

mod currencies;
pub mod ids;
pub mod messages;
pub mod money;
pub mod order;

pub use currencies::NotForShops;
pub use ids::{MessageId, OrderId, TransactionId, UserId};
pub use money::{Amount, Currency, InvalidCurrency, Money};
