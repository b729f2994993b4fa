//! What is counted during a replay.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Commands whose latency is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimedCommand {
    /// GET, CW.GET.
    Read,
    /// SET, CW.SET.
    Fill,
    /// DEL, CW.INVALIDATE.
    Invalidation,
}

impl TimedCommand {
    /// All of them, in the order of reports.
    pub const ALL: [TimedCommand; 3] = [TimedCommand::Read, TimedCommand::Fill, TimedCommand::Invalidation];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            TimedCommand::Read => "read",
            TimedCommand::Fill => "fill",
            TimedCommand::Invalidation => "invalidation",
        }
    }
}

/// The counts of a replay.
#[allow(missing_docs)]
pub struct ReplayTally {
    pub requests: u64,
    pub hits: u64,
    pub misses: u64,
    pub writes: u64,
    pub tag_changes: u64,
    pub pattern_changes: u64,
    pub key_changes: u64,
    pub fills: u64,
    pub fills_held: u64,
    /// Fills with a lease that the server said it refused; plain ones are refused silently.
    pub leased_refused: u64,
    pub stale_reads: u64,
    /// Keys that still held an old value when all was acknowledged.
    pub stale_left: u64,
    /// Keys read once more at the end, and how many of them were in the cache.
    pub swept: u64,
    pub swept_hits: u64,
    pub errors: u64,
    /// The first error, or strange answer, or stale read in words.
    pub first_error: Option<String>,
    pub first_stale: Option<String>,
    latency: [Histogram<u64>; 3],
}

/// A latency beyond this counts as this.
const SLOWEST: Duration = Duration::from_secs(60);

impl ReplayTally {
    /// Nothing yet.
    pub fn new() -> ReplayTally {
        let most = u64::try_from(SLOWEST.as_nanos()).unwrap_or(u64::MAX);
        let histogram = || Histogram::new_with_bounds(1, most, 3).expect("the bounds are right and constant");
        ReplayTally {
            requests: 0,
            hits: 0,
            misses: 0,
            writes: 0,
            tag_changes: 0,
            pattern_changes: 0,
            key_changes: 0,
            fills: 0,
            fills_held: 0,
            leased_refused: 0,
            stale_reads: 0,
            stale_left: 0,
            swept: 0,
            swept_hits: 0,
            errors: 0,
            first_error: None,
            first_stale: None,
            latency: [histogram(), histogram(), histogram()],
        }
    }

    /// One answer took this long.
    pub fn took(&mut self, timed: TimedCommand, time: Duration) {
        self.latency[timed as usize]
            .saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1));
    }

    /// The latencies of one kind of command, in nanoseconds.
    pub fn latency(&self, timed: TimedCommand) -> &Histogram<u64> {
        &self.latency[timed as usize]
    }

    /// An answer that is an error or cannot be.
    pub fn error(&mut self, what: impl FnOnce() -> String) {
        self.errors += 1;
        self.first_error.get_or_insert_with(what);
    }

    /// The share of reads answered from the cache.
    pub fn hit_ratio(&self) -> f64 {
        self.hits as f64 / (self.hits + self.misses).max(1) as f64
    }

    /// Commands answered.
    pub fn commands(&self) -> u64 {
        self.latency.iter().map(Histogram::len).sum()
    }
}
