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
fn bucket(nanos: u64) -> usize {
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

/// Counters that one thread writes and any thread reads. The writer loads and stores instead of adding atomically:
/// nobody else writes, and that costs nothing.
pub struct Written {
    buckets: Box<[AtomicU64]>,
    count: AtomicU64,
    nanos: AtomicU64,
    failed: AtomicU64,
}

impl Written {
    pub(super) fn new() -> Written {
        Written {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            count: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Only the thread that owns these counters may call this.
    pub(super) fn record(&self, times: u64, nanos: u64, failed: u64) {
        bump(&self.buckets[bucket(nanos)], times);
        bump(&self.count, times);
        bump(&self.nanos, nanos.saturating_mul(times));
        bump(&self.failed, failed);
    }

    pub(super) fn add_to(&self, counts: &mut Counts) {
        for (sum, bucket) in counts.buckets.iter_mut().zip(&self.buckets) {
            *sum = sum.wrapping_add(bucket.load(Relaxed));
        }
        counts.count = counts.count.wrapping_add(self.count.load(Relaxed));
        counts.nanos = counts.nanos.wrapping_add(self.nanos.load(Relaxed));
        counts.failed = counts.failed.wrapping_add(self.failed.load(Relaxed));
    }
}

fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

/// A sum of counters at one moment, or a difference between two moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    buckets: Vec<u64>,
    /// Operations.
    pub count: u64,
    /// Nanoseconds that they took together.
    pub nanos: u64,
    /// Those that ended in an error.
    pub failed: u64,
}

impl Counts {
    /// Nothing counted.
    pub fn none() -> Counts {
        Counts { buckets: vec![0; BUCKETS], count: 0, nanos: 0, failed: 0 }
    }

    /// What was counted after `earlier`.
    pub fn since(&self, earlier: &Counts) -> Counts {
        let buckets = self.buckets.iter().zip(&earlier.buckets).map(|(now, then)| now.wrapping_sub(*then));
        Counts {
            buckets: buckets.collect(),
            count: self.count.wrapping_sub(earlier.count),
            nanos: self.nanos.wrapping_sub(earlier.nanos),
            failed: self.failed.wrapping_sub(earlier.failed),
        }
    }

    /// The latency in milliseconds that a `share` (0 to 1) of the operations did not exceed; 0 when there were none.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let total: u64 = self.buckets.iter().sum();
        let wanted = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0u64;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= wanted {
                return highest(bucket) as f64 / 1e6;
            }
        }
        0.0
    }

    /// The mean latency in milliseconds; 0 when there were no operations.
    pub fn average_ms(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.nanos as f64 / self.count as f64 / 1e6 }
    }

    /// How many operations took at most `nanos`, to the bucket.
    pub fn up_to(&self, nanos: u64) -> u64 {
        self.buckets.iter().enumerate().take_while(|(at, _)| highest(*at) <= nanos).map(|(_, n)| n).sum()
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
            let written = Written::new();
            for nanos in &all {
                written.record(1, *nanos, 0);
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
}
