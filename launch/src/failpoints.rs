//! The faults that a test plants from outside: `FAILPOINTS=placing::before-commit=1*panic`.
//! Absent: the points, which stand in the code that they strike; and everything, unless the build has the feature `failpoints`.

/// Arms the points that the environment names, for as long as the process lives.
pub fn arm_failpoints() {
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}
