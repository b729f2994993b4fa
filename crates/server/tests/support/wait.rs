//! Waiting on a condition with a deadline: the only place where a test gives up its turn.

use std::time::{Duration, Instant};

/// How long a test waits for something that a healthy server does at once.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Asks `condition` again and again until it answers, and panics with `what` after [`DEADLINE`].
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_within(DEADLINE, what, condition)
}

/// The same with another deadline: for what takes several steps of several processes, which may have a core of a busy machine between them.
pub fn wait_within<T>(deadline: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = condition() {
            return answer;
        }
        assert!(started.elapsed() < deadline, "gave up after {deadline:?} waiting for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
