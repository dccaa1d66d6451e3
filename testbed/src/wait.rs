//! Waiting for a condition, bounded; the only place that sleeps.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Short enough to be invisible in a test, long enough not to compete with the server that is being waited for.
const POLL: Duration = Duration::from_millis(20);

/// Asks `condition` again and again until it says `true`. It is asked at least once, whatever the limit.
///
/// # Errors
/// The condition's own error at once, or "waited `limit` in vain for `what`".
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + limit;
    while !condition()? {
        if Instant::now() >= deadline {
            bail!("waited {limit:?} in vain for {what}");
        }
        pause();
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the one poll interval, inside a wait that is bounded")]
fn pause() {
    std::thread::sleep(POLL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_never_comes_ends_with_its_name() {
        let error = wait_until("the tide", Duration::ZERO, || Ok(false)).unwrap_err();
        assert_eq!(error.to_string(), "waited 0ns in vain for the tide");
    }

    #[test]
    fn a_condition_that_fails_is_not_asked_again() {
        let mut asked = 0;
        let answer = wait_until("the tide", Duration::from_secs(60), || {
            asked += 1;
            bail!("no sea")
        });
        assert_eq!((answer.unwrap_err().to_string().as_str(), asked), ("no sea", 1));
    }
}
