//! The faults that a test plants from outside: at the start by `FAILPOINTS=placing::before-commit=1*return(exit)`, later by a line
//! `placing::before-commit=1*return(exit)` on the standard input.
//! Absent: the points, which stand in the code that they strike; and everything, unless the build has the feature `failpoints`.

/// Arms the points that the environment names, for as long as the process lives, and goes on to listen for more.
pub fn arm_failpoints() {
    #[cfg(feature = "failpoints")]
    {
        std::mem::forget(fail::FailScenario::setup());
        // A thread of its own: nothing else of the process may wait for a line that never comes, not even its end.
        std::thread::spawn(|| std::io::stdin().lines().map_while(Result::ok).for_each(|line| arm(&line)));
    }
}

#[cfg(feature = "failpoints")]
fn arm(line: &str) {
    let armed = line.split_once('=').ok_or_else(|| "no point=action".to_owned());
    if let Err(error) = armed.and_then(|(point, action)| fail::cfg(point, action)) {
        tracing::error!(line, error, "a failpoint cannot be armed");
    }
}
