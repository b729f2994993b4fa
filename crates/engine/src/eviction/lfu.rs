//! Least frequently used, with dynamic aging.
//!
//! (Arlitt, Cherkasova, Dilley, Friedrich, Jin: «Evaluating content management techniques for Web proxy caches», 2000.) A new
//! entry begins one above the count of the last that left, so what was popular once and is used no more is overtaken in time.

use super::ranking::{Rank, last_use};
use crate::slot::EntryPlace;

/// Ranks by the number of uses; among equals by the last one.
#[derive(Debug, Default)]
pub(super) struct Lfu {
    /// The highest count at which one has left.
    floor: u64,
}

/// How often, and when last, as of the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Uses {
    count: u64,
    last: u64,
    /// The reads of the entry that are in the count.
    reads: u32,
}

impl Rank for Lfu {
    type Key = Uses;

    fn first(&self, slot: &EntryPlace, tick: u64) -> Uses {
        Uses { count: self.floor + 1, last: tick, reads: slot.access_count() }
    }

    fn now(&self, slot: &EntryPlace, key: Uses, tick: u64) -> Uses {
        let reads = slot.access_count();
        // A place whose entry was given another life counts its reads anew.
        let more = reads.checked_sub(key.reads).unwrap_or(reads);
        Uses { count: key.count + u64::from(more), last: last_use(slot, key.last, tick), reads }
    }

    fn written(&self, slot: &EntryPlace, key: Uses, tick: u64) -> Uses {
        let now = self.now(slot, key, tick);
        Uses { count: now.count + 1, ..now }
    }

    fn leaves(&mut self, key: Uses) {
        self.floor = self.floor.max(key.count);
    }
}
