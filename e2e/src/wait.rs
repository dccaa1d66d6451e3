//! Waiting for a condition, bounded; the only place that sleeps.

use anyhow::{Context, Result, bail};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// How long anything may take before a test gives up. Generous: a machine that compiles at the same time is no defect.
pub const LIMIT: Duration = Duration::from_secs(120);
/// Short enough to be invisible in a test, long enough not to compete with the shop that is being waited for.
const POLL: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to see, and returns that.
///
/// # Errors
/// The look's own error at once, or that the wait was in vain.
pub async fn eventually<T, Look>(what: &str, mut look: impl FnMut() -> Look) -> Result<T>
where
    Look: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(seen) = look().await.with_context(|| format!("while waiting for {what}"))? {
            return Ok(seen);
        }
        if Instant::now() >= deadline {
            bail!("waited {LIMIT:?} in vain for {what}");
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Asks again and again until the answer is yes.
///
/// # Errors
/// The question's own error at once, or that the wait was in vain.
pub async fn until<Ask>(what: &str, mut ask: impl FnMut() -> Ask) -> Result<()>
where
    Ask: Future<Output = Result<bool>>,
{
    eventually(what, || {
        let asked = ask();
        async move { Ok(asked.await?.then_some(())) }
    })
    .await
}
