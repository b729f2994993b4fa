//! Waiting on a condition with a deadline: the only place where a test gives up its turn.

use std::time::{Duration, Instant};

/// How long a test waits for something that a healthy server does at once.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Asks `condition` again and again until it answers, and panics with `what` after [`DEADLINE`].
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = condition() {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "gave up after {DEADLINE:?} waiting for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
