//! Latencies in buckets that grow with them, as HdrHistogram lays them out: every power of two is cut into 32, so a
//! figure is at most about 3 % above the true one, from 1 ns to over an hour, in 1,216 counters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const CUTS_LOG2: u32 = 5;
const CUTS: usize = 1 << CUTS_LOG2;
/// Latencies from 2^42 ns (73 minutes) on share the last bucket.
const HIGHEST_LOG2: u32 = 42;
/// How many buckets there are.
pub const BUCKETS: usize = (HIGHEST_LOG2 - CUTS_LOG2 + 1) as usize * CUTS;

/// The bucket of a latency.
pub(super) fn bucket(nanos: u64) -> usize {
    let nanos = nanos.min((1 << HIGHEST_LOG2) - 1);
    let power = nanos.checked_ilog2().unwrap_or(0);
    if power < CUTS_LOG2 {
        return nanos as usize;
    }
    let cut = (nanos >> (power - CUTS_LOG2)) as usize & (CUTS - 1);
    (power - CUTS_LOG2 + 1) as usize * CUTS + cut
}

/// The highest latency that falls into a bucket.
fn highest(bucket: usize) -> u64 {
    let (row, cut) = (bucket / CUTS, (bucket % CUTS) as u64);
    match row.checked_sub(1) {
        None => cut,
        Some(shift) => ((CUTS as u64 + cut + 1) << shift) - 1,
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestEnded {
    /// It was answered.
    Well,
    /// It ran and answered an error.
    Failed,
    /// It was refused before it ran.
    Rejected,
}

/// Counters that one thread writes and any thread reads. The writer loads and stores instead of adding atomically:
/// nobody else writes, and that costs nothing.
pub(super) struct WrittenCounters {
    count: AtomicU64,
    nanos: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

impl WrittenCounters {
    pub(super) fn new() -> WrittenCounters {
        WrittenCounters {
            count: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }

    /// Only the thread that owns these counters may call this. What was rejected took no time that would say anything.
    #[inline]
    pub(super) fn record(&self, nanos: u64, ended: RequestEnded) {
        match ended {
            RequestEnded::Rejected => return bump(&self.rejected, 1),
            RequestEnded::Failed => bump(&self.failed, 1),
            RequestEnded::Well => {}
        }
        bump(&self.buckets[bucket(nanos)], 1);
        bump(&self.count, 1);
        bump(&self.nanos, nanos);
    }

    /// How many were recorded, those rejected left out.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    pub(super) fn add_to(&self, counts: &mut Counts) {
        for (sum, bucket) in counts.buckets.iter_mut().zip(&self.buckets) {
            *sum = sum.wrapping_add(bucket.load(Relaxed));
        }
        counts.count = counts.count.wrapping_add(self.count.load(Relaxed));
        counts.nanos = counts.nanos.wrapping_add(self.nanos.load(Relaxed));
        counts.failed = counts.failed.wrapping_add(self.failed.load(Relaxed));
        counts.rejected = counts.rejected.wrapping_add(self.rejected.load(Relaxed));
    }
}

#[inline]
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

/// A sum of counters at one moment, or a difference between two moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    buckets: Vec<u64>,
    /// Operations that ran.
    pub count: u64,
    /// Nanoseconds that they took together.
    pub nanos: u64,
    /// Those that ended in an error.
    pub failed: u64,
    /// Those that were refused before they ran; `count` leaves them out.
    pub rejected: u64,
}

impl Counts {
    /// Nothing counted.
    pub fn none() -> Counts {
        Counts { buckets: vec![0; BUCKETS], count: 0, nanos: 0, failed: 0, rejected: 0 }
    }

    /// Counts more of a bucket.
    pub(super) fn add(&mut self, bucket: usize, count: u32) {
        if let Some(sum) = self.buckets.get_mut(bucket) {
            *sum = sum.saturating_add(count.into());
            self.count = self.count.saturating_add(count.into());
        }
    }

    /// What was counted after `earlier`.
    pub fn since(&self, earlier: &Counts) -> Counts {
        let buckets = self.buckets.iter().zip(&earlier.buckets).map(|(now, then)| now.wrapping_sub(*then));
        Counts {
            buckets: buckets.collect(),
            count: self.count.wrapping_sub(earlier.count),
            nanos: self.nanos.wrapping_sub(earlier.nanos),
            failed: self.failed.wrapping_sub(earlier.failed),
            rejected: self.rejected.wrapping_sub(earlier.rejected),
        }
    }

    /// The latency in nanoseconds that a `share` (0 to 1) of the operations did not exceed; 0 when there were none.
    pub fn quantile_nanos(&self, share: f64) -> u64 {
        let total: u64 = self.buckets.iter().sum();
        let wanted = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0u64;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= wanted {
                return highest(bucket);
            }
        }
        0
    }

    /// The same in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.quantile_nanos(share) as f64 / 1e6
    }

    /// The mean latency in milliseconds; 0 when there were no operations.
    pub fn average_ms(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.nanos as f64 / self.count as f64 / 1e6 }
    }

    /// How many operations took at most `nanos`, to the bucket.
    pub fn up_to(&self, nanos: u64) -> u64 {
        self.buckets.iter().enumerate().take_while(|(at, _)| highest(*at) <= nanos).map(|(_, n)| n).sum()
    }

    /// For each power of two of microseconds, from the fastest operation's to the slowest's: how many stayed below it. A
    /// microsecond is 1,024 ns here, where a bucket ends.
    pub fn by_micros(&self) -> Vec<(u64, u64)> {
        let total = self.up_to(u64::MAX);
        let mut rows = Vec::new();
        let mut below = 0;
        for micros in (0..u64::BITS).map(|power| 1u64 << power) {
            if below == total {
                break;
            }
            below = self.up_to(micros.saturating_mul(1024) - 1);
            if below > 0 {
                rows.push((micros, below));
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_holds_its_latency_to_three_percent(nanos in 0u64..(1 << HIGHEST_LOG2)) {
            let top = highest(bucket(nanos));
            prop_assert!(top >= nanos);
            prop_assert!(top as f64 <= nanos as f64 * 1.0325);
        }

        #[test]
        fn quantiles_agree_with_a_sorted_list(mut all in prop::collection::vec(1u64..1 << 40, 1..300), share in 0.0f64..=1.0) {
            let written = WrittenCounters::new();
            for nanos in &all {
                written.record(*nanos, RequestEnded::Well);
            }
            let mut counts = Counts::none();
            written.add_to(&mut counts);
            all.sort_unstable();
            let rank = ((all.len() as f64 * share).ceil() as usize).max(1) - 1;
            let (got, exact) = (counts.quantile_ms(share), all[rank] as f64 / 1e6);
            prop_assert!(got >= exact && got <= exact * 1.0325, "{got} for {exact}");
        }
    }

    #[test]
    fn the_ends_fall_into_the_first_and_last_bucket() {
        assert_eq!((bucket(0), bucket(u64::MAX)), (0, BUCKETS - 1));
        assert_eq!(highest(BUCKETS - 1), (1 << HIGHEST_LOG2) - 1);
    }

    #[test]
    fn counts_tell_what_was_counted_since() {
        let written = WrittenCounters::new();
        let read = || {
            let mut counts = Counts::none();
            written.add_to(&mut counts);
            counts
        };
        assert_eq!(read().by_micros(), []);
        (0..99).for_each(|_| written.record(1_000, RequestEnded::Well));
        let before = read();
        written.record(1_000_000, RequestEnded::Failed);
        written.record(7, RequestEnded::Rejected);
        let all = read();
        assert_eq!((all.count, all.failed, all.rejected), (100, 1, 1));
        assert_eq!((all.quantile_nanos(0.5), all.quantile_nanos(1.0)), (1_007, 1_015_807));
        assert_eq!(all.by_micros().first(), Some(&(1, 99)));
        assert_eq!(all.by_micros().last(), Some(&(1024, 100)));
        let since = all.since(&before);
        assert_eq!((since.count, since.rejected, since.nanos), (1, 1, 1_000_000));
        assert_eq!(since.by_micros(), [(1024, 1)]);
    }
}
