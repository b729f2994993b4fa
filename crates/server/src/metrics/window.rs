//! The last minute, second by second.

use std::collections::VecDeque;

use clearwell_engine::Millis;

use super::Counts;

/// How far back the figures look, in seconds.
pub const WINDOW_SECONDS: u64 = 60;

/// Sums at the seconds of the last minute, and those of the latest moment.
pub(super) struct SecondsRing<T> {
    sums: VecDeque<(Millis, T)>,
    latest: (Millis, T),
}

/// What happened in the window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// How many seconds the figures are of: 60, or less soon after the start.
    pub window_seconds: f64,
    /// Operations that ended in the window.
    pub operations: u64,
    /// Operations per second.
    pub operations_per_second: f64,
    /// The mean, in milliseconds.
    pub average_latency: f64,
    /// What 95 % of the operations did not exceed, in milliseconds.
    pub p95_latency: f64,
    /// What 99 % of the operations did not exceed, in milliseconds.
    pub p99_latency: f64,
    /// The share that ended in an error, 0 to 1.
    pub error_rate: f64,
}

impl<T: Clone> SecondsRing<T> {
    /// Nothing happened yet.
    pub(super) fn new(none: T) -> SecondsRing<T> {
        let none = (Millis(0), none);
        SecondsRing { sums: VecDeque::from([none.clone()]), latest: none }
    }

    /// Notes the sums of now: those of a second are kept once, those of the latest moment always, so that a node which has
    /// only just begun has figures too. What is older than the window needs is forgotten.
    pub(super) fn tick(&mut self, now: Millis, total: T) {
        if now < self.latest.0 {
            return;
        }
        if self.sums.back().is_none_or(|(at, _)| now.since(*at) >= 990) {
            self.sums.push_back((now, total.clone()));
        }
        self.latest = (now, total);
        let is_older = |at: &Millis| now.since(*at) > WINDOW_SECONDS * 1000 + 500;
        while self.sums.len() > 1 && self.sums.front().is_some_and(|(at, _)| is_older(at)) {
            self.sums.pop_front();
        }
    }

    /// How many seconds it is of, with the sums at its beginning and at its end.
    pub(super) fn span(&self) -> (f64, &T, &T) {
        let (until, later) = &self.latest;
        let (from, earlier) = self.sums.front().unwrap_or(&self.latest);
        (until.since(*from) as f64 / 1000.0, earlier, later)
    }
}

impl SecondsRing<Counts> {
    pub(super) fn figures(&self) -> Figures {
        let (window_seconds, earlier, later) = self.span();
        let counts = later.since(earlier);
        let share = |part: u64| if counts.count == 0 { 0.0 } else { part as f64 / counts.count as f64 };
        Figures {
            window_seconds,
            operations: counts.count,
            operations_per_second: if window_seconds > 0.0 {
                counts.count as f64 / window_seconds
            } else {
                0.0
            },
            average_latency: counts.average_ms(),
            p95_latency: counts.quantile_ms(0.95),
            p99_latency: counts.quantile_ms(0.99),
            error_rate: share(counts.failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metrics, OperationKind, RequestEnded};

    #[test]
    fn the_window_forgets_what_is_older_than_a_minute() {
        let metrics = Metrics::new();
        let recorder = metrics.recorder(OperationKind::ALL);
        for n in 0..600 {
            let ended = if n % 2 == 0 { RequestEnded::Well } else { RequestEnded::Failed };
            recorder.record(OperationKind::Read as usize, 1_000_000, ended);
        }
        for second in 1..=30u64 {
            metrics.tick(Millis(second * 1000));
        }
        let figures = metrics.figures();
        assert_eq!((figures.operations, figures.window_seconds), (600, 30.0));
        assert_eq!((figures.operations_per_second, figures.error_rate), (20.0, 0.5));
        assert_eq!(figures.average_latency, 1.0);
        assert!((1.0..1.04).contains(&figures.p99_latency), "{figures:?}");

        for second in 31..=90u64 {
            recorder.record(OperationKind::Write as usize, 10_000_000, RequestEnded::Well);
            metrics.tick(Millis(second * 1000));
        }
        let figures = metrics.figures();
        assert_eq!((figures.operations, figures.window_seconds, figures.error_rate), (60, 60.0, 0.0));
    }

    #[test]
    fn a_window_that_has_only_just_begun_has_figures() {
        let metrics = Metrics::new();
        let recorder = metrics.recorder(OperationKind::ALL);
        (0..50).for_each(|_| recorder.record(OperationKind::Read as usize, 1_000_000, RequestEnded::Well));
        metrics.tick(Millis(100));
        let figures = metrics.figures();
        assert_eq!(
            (figures.operations, figures.window_seconds, figures.operations_per_second),
            (50, 0.1, 500.0)
        );
        (0..50).for_each(|_| recorder.record(OperationKind::Read as usize, 1_000_000, RequestEnded::Well));
        metrics.tick(Millis(400));
        let figures = metrics.figures();
        assert_eq!(
            (figures.operations, figures.window_seconds, figures.operations_per_second),
            (100, 0.4, 250.0)
        );
    }

    #[test]
    fn nothing_recorded_is_all_zero() {
        let figures = Metrics::new().figures();
        assert_eq!(figures.operations_per_second, 0.0);
        assert_eq!((figures.p95_latency, figures.p99_latency, figures.error_rate), (0.0, 0.0, 0.0));
    }
}
