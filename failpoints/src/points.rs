//! The points where a fault can strike: at each side of each boundary that work crosses.
//! Absent: their list; it is made from the sources, and compared with what the tests strike.
//!
//! | armed with | what happens at the point |
//! | --- | --- |
//! | `return(exit)` | the process ends at once, as by `kill -9`; nothing is written or dropped any more |
//! | `return(error)` | the operation fails, in the words that the point has for it |
//! | `return(panic)` | the work panics |
//! | `return(delay)`, `return(delay 3000)` | the work stands still, for so many milliseconds |
//!
//! `1*return(exit)` strikes once, `5*off->1*return(exit)` the sixth. All that `fail` knows by itself works, too. A delay is a sleep of
//! the task and not of its thread: all actors of a service share one, and what is tested is that the others go on meanwhile. Only where
//! work has a thread to itself, which no task shares, that stands still (`thread_point`).

/// A point where a fault can strike; `$failed` is what to do when the operation is to fail there. Nothing, in a release. Only where it
/// is `$worth_it`: a look that found nothing is no boundary.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! point {
    ($name:expr, $failed:expr) => {
        $crate::point!($name, true, $failed);
    };
    ($name:expr, $worth_it:expr, $failed:expr) => {
        if $worth_it && $crate::strike($name).await {
            $failed
        }
    };
}

/// A point where a fault can strike: none, in this build.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! point {
    ($name:expr, $failed:expr) => {};
    ($name:expr, $worth_it:expr, $failed:expr) => {
        // It would else be a variable that nobody uses.
        let _ = $worth_it;
    };
}

/// A point where a fault can strike work that has a thread to itself, and is no task.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! thread_point {
    ($name:expr, $failed:expr) => {
        if $crate::strike_thread($name) {
            $failed
        }
    };
}

/// A point where a fault can strike work that has a thread to itself: none, in this build.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! thread_point {
    ($name:expr, $failed:expr) => {};
}

#[cfg(feature = "failpoints")]
pub use striking::{instead_of, strike, strike_thread};

#[cfg(feature = "failpoints")]
mod striking {
    use std::time::Duration;

    /// Long enough for everything else to get ahead, short enough that many of them fit into a test.
    const DELAY: Duration = Duration::from_millis(400);

    /// What is left to be done by whoever came past a point where nothing ended.
    enum Struck {
        Nothing,
        Fail,
        Stand(Duration),
    }

    /// Strikes, if a test wants it. Says whether the operation is to fail.
    ///
    /// # Panics
    /// If that is what is wanted, or something that nobody knows.
    pub async fn strike(point: &'static str) -> bool {
        let struck = struck(point);
        if let Struck::Stand(time) = struck {
            tokio::time::sleep(time).await;
        }
        matches!(struck, Struck::Fail)
    }

    /// The same, where the work has a thread to itself.
    ///
    /// # Panics
    /// If that is what is wanted, or something that nobody knows.
    #[expect(clippy::disallowed_methods, reason = "to stand still is the fault; nothing is waited for")]
    pub fn strike_thread(point: &'static str) -> bool {
        let struck = struck(point);
        if let Struck::Stand(time) = struck {
            std::thread::sleep(time);
        }
        matches!(struck, Struck::Fail)
    }

    fn struck(point: &'static str) -> Struck {
        let Some(action) = armed(point) else { return Struck::Nothing };
        // The tests wait for this line.
        tracing::warn!(point, action, "a fault strikes");
        match action.split_once(' ').unwrap_or((&action, "")) {
            ("exit", _) => std::process::abort(),
            ("error", _) => Struck::Fail,
            ("panic", _) => panic!("planted at {point}"),
            ("delay", millis) => Struck::Stand(millis.parse().map_or(DELAY, Duration::from_millis)),
            _ => panic!("{point} is armed with {action:?}, which is none of exit, error, panic and delay"),
        }
    }

    /// A shorter time than this one, if a test has not got it: `return(500)` makes it half a second.
    pub fn instead_of(point: &'static str, time: Duration) -> Duration {
        armed(point).and_then(|millis| millis.parse().ok()).map_or(time, Duration::from_millis)
    }

    fn armed(point: &'static str) -> Option<String> {
        fail::fail_point!(point, |action| action);
        None
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        async fn work(point: &'static str) -> Result<&'static str, &'static str> {
            crate::point!(point, return Err("failed"));
            Ok("done")
        }

        #[tokio::test(start_paused = true)]
        async fn a_point_fails_or_delays_as_often_as_it_is_told_to() {
            const POINT: &str = "test::some-work";
            assert_eq!(work(POINT).await, Ok("done"));
            fail::cfg(POINT, "1*return(error)->1*return(delay 5000)").unwrap();
            assert_eq!(work(POINT).await, Err("failed"));
            let began = tokio::time::Instant::now();
            assert_eq!(work(POINT).await, Ok("done"));
            assert_eq!(began.elapsed(), Duration::from_secs(5));
            assert_eq!(work(POINT).await, Ok("done"));
            assert_eq!(began.elapsed(), Duration::from_secs(5));
        }

        fn work_of_a_thread(point: &'static str) -> Result<&'static str, &'static str> {
            crate::thread_point!(point, return Err("failed"));
            Ok("done")
        }

        #[test]
        fn a_point_of_a_thread_fails_panics_or_stands_still_where_there_is_no_runtime() {
            const POINT: &str = "test::work-of-a-thread";
            assert_eq!(work_of_a_thread(POINT), Ok("done"));
            fail::cfg(POINT, "1*return(error)->1*return(delay 30)->1*return(panic)").unwrap();
            assert_eq!(work_of_a_thread(POINT), Err("failed"));
            let began = std::time::Instant::now();
            assert_eq!(work_of_a_thread(POINT), Ok("done"));
            assert!(began.elapsed() >= Duration::from_millis(30), "it did not stand still");
            assert!(std::thread::spawn(|| work_of_a_thread(POINT)).join().is_err());
        }

        #[tokio::test]
        async fn a_point_panics_with_its_name() {
            const POINT: &str = "test::some-other-work";
            fail::cfg(POINT, "return(panic)").unwrap();
            let panic = tokio::spawn(work(POINT)).await.unwrap_err().into_panic();
            assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("planted at test::some-other-work"));
        }

        #[tokio::test]
        async fn an_action_that_nobody_knows_is_not_passed_over_in_silence() {
            const POINT: &str = "test::work-of-a-third-kind";
            fail::cfg(POINT, "return(exti)").unwrap();
            assert!(tokio::spawn(work(POINT)).await.unwrap_err().is_panic());
        }

        #[test]
        fn a_time_is_shortened_only_where_a_test_says_so() {
            const TIME: &str = "test::a-time";
            let minute = Duration::from_secs(60);
            assert_eq!(instead_of(TIME, minute), minute);
            fail::cfg(TIME, "return(500)").unwrap();
            assert_eq!(instead_of(TIME, minute), Duration::from_millis(500));
        }
    }
}

/// This time; only builds for tests know shorter ones.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn instead_of(_: &'static str, time: std::time::Duration) -> std::time::Duration {
    time
}
