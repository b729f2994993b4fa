//! The count of invalidations.
//!
//! Why its memory order, and that of the marks, is enough is written in `docs/decisions/0002-memory-order.md`.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Seq;

/// The count of invalidations that a process has begun to apply. It only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// The count. What the caller reads from a source after this has seen whatever led to each counted
    /// invalidation.
    pub(crate) fn now(&self) -> Seq {
        Seq(self.0.load(Ordering::Acquire))
    }

    /// Counts one more invalidation and returns its number, the first is 1. To be called before its marks are raised.
    pub(crate) fn next(&self) -> Seq {
        Seq(self.0.fetch_add(1, Ordering::AcqRel) + 1)
    }
}
