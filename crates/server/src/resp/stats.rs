//! How often each command ran and how long it took.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use clearwell_protocol::{Command, table};

/// Four buckets for each power of two of nanoseconds: a bucket is at most a quarter wider than its floor.
const BUCKETS: usize = 160;

/// One worker's counts, by command. Only its worker writes them, so a plain load and store counts exactly.
pub struct CommandStats(Box<[Counts]>);

struct Counts {
    calls: AtomicU64,
    nanos: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    buckets: [AtomicU32; BUCKETS],
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was answered.
    Well,
    /// It ran and answered an error.
    Failed,
    /// It was refused before it ran.
    Rejected,
}

impl CommandStats {
    /// All zero.
    pub fn new() -> CommandStats {
        let most = table::all_with_subcommands().map(|command| command.id as usize).max().unwrap_or(0);
        CommandStats((0..=most).map(|_| Counts::new()).collect())
    }

    /// Counts one request.
    #[inline]
    pub fn count(&self, command: &Command, nanos: u64, ended: Ended) {
        let counts = &self.0[command.id as usize];
        match ended {
            Ended::Rejected => return bump(&counts.rejected, 1),
            Ended::Failed => bump(&counts.failed, 1),
            Ended::Well => {}
        }
        bump(&counts.calls, 1);
        bump(&counts.nanos, nanos);
        let bucket = &counts.buckets[bucket_of(nanos)];
        bucket.store(bucket.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// The counts of one command as they are now.
    pub fn of(&self, command: &Command) -> Summary {
        let counts = &self.0[command.id as usize];
        Summary {
            calls: counts.calls.load(Relaxed),
            nanos: counts.nanos.load(Relaxed),
            rejected: counts.rejected.load(Relaxed),
            failed: counts.failed.load(Relaxed),
            buckets: counts.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect(),
        }
    }
}

fn bump(count: &AtomicU64, by: u64) {
    count.store(count.load(Relaxed).wrapping_add(by), Relaxed);
}

impl Counts {
    fn new() -> Counts {
        Counts {
            calls: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            buckets: [const { AtomicU32::new(0) }; BUCKETS],
        }
    }
}

/// The counts of a command, over all workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Requests that ran.
    pub calls: u64,
    /// Nanoseconds that they took together.
    pub nanos: u64,
    /// Requests refused before they ran.
    pub rejected: u64,
    /// Requests that ran and answered an error.
    pub failed: u64,
    buckets: Vec<u32>,
}

impl Summary {
    /// Adds another worker's.
    pub fn add(&mut self, other: &Summary) {
        self.combine(other, u64::wrapping_add, u32::wrapping_add);
    }

    /// Takes away what had been counted before a reset.
    pub fn less(&mut self, other: &Summary) {
        self.combine(other, u64::saturating_sub, u32::saturating_sub);
    }

    fn combine(&mut self, other: &Summary, wide: fn(u64, u64) -> u64, narrow: fn(u32, u32) -> u32) {
        self.calls = wide(self.calls, other.calls);
        self.nanos = wide(self.nanos, other.nanos);
        self.rejected = wide(self.rejected, other.rejected);
        self.failed = wide(self.failed, other.failed);
        self.buckets.resize(BUCKETS, 0);
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = narrow(*mine, *theirs);
        }
    }

    /// The time below which `share` (0 to 1) of the calls stayed, in nanoseconds, to a quarter.
    pub fn percentile_nanos(&self, share: f64) -> u64 {
        let total: u64 = self.buckets.iter().map(|&count| u64::from(count)).sum();
        let wanted = (total as f64 * share).ceil() as u64;
        let mut seen = 0u64;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            seen = seen.saturating_add(count.into());
            if seen >= wanted && count > 0 {
                return ceiling_of(bucket);
            }
        }
        0
    }

    /// For each power of two of microseconds up to the slowest call: how many calls stayed at or below it.
    pub fn cumulative_micros(&self) -> Vec<(u64, u64)> {
        let total: u64 = self.buckets.iter().map(|&count| u64::from(count)).sum();
        let mut rows = Vec::new();
        let mut limit = 1u64;
        while total > 0 && limit < 1 << 31 {
            let below = self.buckets.iter().enumerate();
            let below = below.filter(|&(bucket, _)| ceiling_of(bucket) <= limit.saturating_mul(1024));
            let count: u64 = below.map(|(_, &count)| u64::from(count)).sum();
            if count > 0 {
                rows.push((limit, count));
            }
            if count == total {
                break;
            }
            limit = limit.saturating_mul(2);
        }
        rows
    }
}

/// Which bucket a time falls into.
#[inline]
fn bucket_of(nanos: u64) -> usize {
    if nanos < 4 {
        return nanos as usize;
    }
    let power = 63 - nanos.leading_zeros();
    let quarter = (nanos >> (power - 2)) & 3;
    (((power - 1) * 4) as usize + quarter as usize).min(BUCKETS - 1)
}

/// The first time beyond a bucket.
fn ceiling_of(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64 + 1;
    }
    let power = bucket / 4 + 1;
    let quarter = (bucket % 4) as u64;
    (4 + quarter + 1) << (power - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_below_its_buckets_ceiling_and_not_below_the_one_before() {
        for nanos in (0..10_000).chain([99_999, 1 << 20, (1 << 33) + 12_345]) {
            let bucket = bucket_of(nanos);
            assert!(nanos < ceiling_of(bucket), "{nanos} in {bucket}");
            assert!(bucket == 0 || nanos >= ceiling_of(bucket - 1), "{nanos} in {bucket}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_summary_tells_what_was_counted_since_the_reset() {
        let stats = CommandStats::new();
        let get = clearwell_protocol::lookup(b"get").expect("GET is in the table");
        (0..99).for_each(|_| stats.count(get, 1_000, Ended::Well));
        let before = stats.of(get);
        stats.count(get, 1_000_000, Ended::Failed);
        stats.count(get, 0, Ended::Rejected);
        let mut all = Summary::default();
        all.add(&stats.of(get));
        assert_eq!((all.calls, all.failed, all.rejected), (100, 1, 1));
        assert_eq!(all.percentile_nanos(0.5), 1_024);
        assert_eq!(all.percentile_nanos(1.0), 1 << 20);
        assert_eq!(all.cumulative_micros().first(), Some(&(1, 99)));
        assert_eq!(all.cumulative_micros().last(), Some(&(1024, 100)));
        all.less(&before);
        assert_eq!((all.calls, all.percentile_nanos(0.5)), (1, 1 << 20));
    }
}
