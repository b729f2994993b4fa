//! Outstanding misses of plain clients: which SET may be the late fill of a miss from before an invalidation.

use crate::{Millis, Seq};

/// What to do with a plain SET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A write: store it as a put, with a count of its own.
    Put,
    /// The fill of a miss, and no unresolved miss is older than the last invalidation, or enough SETs carried the same value: store it as a fill of a load that began then.
    Fill {
        /// When the load began, at the latest the last invalidation.
        began: Seq,
    },
    /// The stored entry has this value already: leave it, count a fill.
    Same,
    /// It may be from before the last invalidation: drop it, and with `drop_stored` the stored entry too.
    Refuse {
        /// Whether the stored entry, of another value, is not provably newer.
        drop_stored: bool,
    },
}

/// A plain SET, as the engine sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    /// The keyed hash of the key.
    pub hash: u64,
    /// A keyed hash of the value.
    pub value: u64,
    /// The count at this connection's own miss of the key, if it remembers one.
    pub own_miss: Option<Seq>,
    /// The count at the last invalidation that covers the key (key, pattern, everything, its entry's tags; not
    /// plain SETs).
    pub invalidated: Seq,
    /// The count at the last put of the key, or 0.
    pub put: Seq,
    /// For a live stored entry: whether it has the same value.
    pub stored_same: Option<bool>,
    /// The count now.
    pub seq: Seq,
    /// The time.
    pub now: Millis,
}

/// The outstanding misses of one shard's keys, used under its lock.
#[derive(Debug)]
pub(crate) struct Outstanding {}

impl Outstanding {
    /// Remembers at most `capacity` keys with misses in the last `window_ms`.
    pub(crate) fn new(capacity: usize, window_ms: u64) -> Outstanding {
        let _ = (capacity, window_ms);
        todo!()
    }
    /// Notes a miss of a key that was last invalidated at `invalidated`; `seq` is the count now.
    pub(crate) fn miss(&mut self, hash: u64, invalidated: Seq, seq: Seq, now: Millis) {
        let _ = (hash, invalidated, seq, now);
        todo!()
    }
    /// Decides about a plain SET, which resolves one miss.
    pub(crate) fn offer(&mut self, offer: &Offer) -> Decision {
        let _ = offer;
        todo!()
    }
    /// Unresolved misses.
    pub(crate) fn total(&self) -> u64 {
        todo!()
    }
    /// Bytes taken beyond the structure itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        todo!()
    }
    /// Recounts; says what differs.
    pub(crate) fn check(&self) -> Result<(), String> {
        todo!()
    }
}
