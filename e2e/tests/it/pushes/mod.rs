//! Pushes over real WebSockets: nothing is missing, nothing goes backwards, nobody hears of another's orders.
//! Absent: the texts of single messages (the orders service's own tests have those).

mod connecting;
mod crowd;
mod ending;
#[cfg(feature = "servers")]
mod instances;
#[cfg(feature = "servers")]
mod outage;
mod racing;
mod slow;

use e2e::{Result, User};
use futures_util::future::try_join_all;

/// Places so many orders of 1.00 under keys of their own, all at once, surely; gives their ids.
async fn place(user: &User, name: &str, number: usize) -> Result<Vec<String>> {
    let keys: Vec<_> = (0..number).map(|order| format!("{name}-{order}")).collect();
    try_join_all(keys.iter().map(|key| user.order_surely("1", key))).await
}
