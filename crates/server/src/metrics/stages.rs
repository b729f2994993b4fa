//! How long invalidations take from a commit in a source to their effect here, stage by stage.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use clearwell_engine::Millis;

use super::{RequestEnded, Timed, Timings};

/// The stages of one source's commits.
#[derive(Default)]
pub struct Stages {
    commit_to_received: Timings,
    received_to_applied: Timings,
    commit_to_applied: Timings,
    applied: AtomicU64,
    clock_ahead: AtomicU64,
}

/// The figures of the stages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StageFigures {
    /// From the commit to its arrival here. It is told by two clocks.
    pub commit_to_received: Timed,
    /// From there until nobody is given what was before the commit.
    pub received_to_applied: Timed,
    /// Both together.
    pub commit_to_applied: Timed,
    /// Commits that invalidated something.
    pub applied: u64,
    /// How many of them came before they were made, by the database's clock: they count as having come at once.
    pub clock_ahead: u64,
}

impl StageFigures {
    /// Each stage with its name.
    pub fn named(&self) -> [(&'static str, &Timed); 3] {
        [
            ("commit_to_received", &self.commit_to_received),
            ("received_to_applied", &self.received_to_applied),
            ("commit_to_applied", &self.commit_to_applied),
        ]
    }
}

impl Stages {
    /// A commit was applied, so long after it had come. `after_us`: how long it had needed to come, in microseconds; `None`: its
    /// source does not say when it was made. The nanoseconds from the commit on, if they are known, are given to `others`. The commit
    /// is counted last: whoever sees the count sees all times of it.
    pub fn applied(
        &self,
        now: Millis,
        after_us: Option<i64>,
        received_to_applied: u64,
        others: impl FnOnce(u64),
    ) {
        self.received_to_applied.record(now, received_to_applied, RequestEnded::Well);
        if let Some(after_us) = after_us {
            if after_us < 0 {
                self.clock_ahead.fetch_add(1, Relaxed);
            }
            let commit_to_received = u64::try_from(after_us).unwrap_or(0).saturating_mul(1000);
            let in_all = commit_to_received.saturating_add(received_to_applied);
            self.commit_to_received.record(now, commit_to_received, RequestEnded::Well);
            self.commit_to_applied.record(now, in_all, RequestEnded::Well);
            others(in_all);
        }
        self.applied.fetch_add(1, Release);
    }

    /// The figures of now.
    pub fn figures(&self, now: Millis) -> StageFigures {
        let applied = self.applied.load(Acquire);
        StageFigures {
            commit_to_received: self.commit_to_received.figures(now),
            received_to_applied: self.received_to_applied.figures(now),
            commit_to_applied: self.commit_to_applied.figures(now),
            applied,
            clock_ahead: self.clock_ahead.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_the_sum_of_its_stages() {
        let stages = Stages::default();
        stages.applied(Millis(1), Some(3_000), 500_000, |in_all| assert_eq!(in_all, 3_500_000));
        let figures = stages.figures(Millis(2));
        let [received, applied, whole] = figures.named().map(|(_, timed)| timed.recent.max_ms);
        assert_eq!((received, applied, whole), (3.0, 0.5, 3.5));
        assert_eq!((figures.applied, figures.clock_ahead), (1, 0));
    }

    #[test]
    fn a_clock_that_is_ahead_is_counted_and_never_a_time_below_zero() {
        let stages = Stages::default();
        stages.applied(Millis(1), Some(-2_000_000), 7_000, |in_all| assert_eq!(in_all, 7_000));
        stages.applied(Millis(1), None, 9_000, |_| unreachable!("nobody knows when it was made"));
        let figures = stages.figures(Millis(2));
        assert_eq!((figures.applied, figures.clock_ahead), (2, 1));
        assert_eq!(
            (figures.commit_to_received.recent.count, figures.commit_to_received.recent.max_ms),
            (1, 0.0)
        );
        assert_eq!(figures.received_to_applied.recent.count, 2);
        assert_eq!(figures.commit_to_applied.recent.max_ms, 0.007);
    }
}
