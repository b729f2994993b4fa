//! What happened in a shard, in numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Reads;

/// What happened in a shard.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Reads by class; there is at least one.
    reads: Box<[ReadTally]>,
    pub fills: AtomicU64,
    pub fills_refused: AtomicU64,
    pub offers_refused: AtomicU64,
    pub early_refreshes: AtomicU64,
    pub evicted: AtomicU64,
    pub expired: AtomicU64,
    pub invalidated: AtomicU64,
    pub removed: AtomicU64,
}

/// How reads of one class ended in a shard.
#[derive(Debug, Default)]
pub(crate) struct ReadTally {
    pub hits: AtomicU64,
    pub stale_hits: AtomicU64,
    pub misses: AtomicU64,
}

/// Adds one to a count.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Why an entry left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    Evicted,
    Expired,
    Invalidated,
    Removed,
}

impl Tally {
    pub(crate) fn new(classes: u32) -> Tally {
        Tally {
            reads: (0..classes.max(1)).map(|_| ReadTally::default()).collect(),
            fills: AtomicU64::new(0),
            fills_refused: AtomicU64::new(0),
            offers_refused: AtomicU64::new(0),
            early_refreshes: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            invalidated: AtomicU64::new(0),
            removed: AtomicU64::new(0),
        }
    }

    /// The reads of a class; those of one that nobody told of are the first's.
    #[inline]
    pub(crate) fn reads(&self, class: u32) -> &ReadTally {
        self.reads.get(class as usize).unwrap_or(&self.reads[0])
    }

    /// Adds the reads of each class to `sums`.
    pub(crate) fn add_reads_to(&self, sums: &mut [Reads]) {
        for (sum, tally) in sums.iter_mut().zip(&self.reads) {
            sum.hits += tally.hits.load(Relaxed);
            sum.stale_hits += tally.stale_hits.load(Relaxed);
            sum.misses += tally.misses.load(Relaxed);
        }
    }

    pub(crate) fn left(&self, why: Leaving) {
        count(match why {
            Leaving::Evicted => &self.evicted,
            Leaving::Expired => &self.expired,
            Leaving::Invalidated => &self.invalidated,
            Leaving::Removed => &self.removed,
        });
    }
}
