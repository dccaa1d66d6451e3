//! Waiting for a condition, bounded; the only place that sleeps.

use std::{future::Future, time::Duration};
use tokio::time::{Instant, sleep};

/// Longer than anything here takes on a machine that compiles at the same time: a broker that is restarted has two minutes to start alone.
pub const LIMIT: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(10);

/// Asks `condition` again and again until it says `true`.
pub async fn until<Asked: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> Asked) {
    let deadline = Instant::now() + LIMIT;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(POLL).await;
    }
}

/// Waits for something that ends by itself, but not for ever.
pub async fn within_limit<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
