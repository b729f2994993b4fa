//! The one rule for freshness (DESIGN 2.1), as pure functions.
//!
//! A process counts the invalidations it has applied. A load notes the count when it begins; its value may be
//! stored, and later served, only while nothing that covers it was invalidated after that.

use crate::Effect;

/// How many invalidations this process had applied at some moment. Never compared across processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// What a mark remembers: the last invalidation of its name, by effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Last {
    /// The last invalidation that made the covered values unservable.
    pub gone: Seq,
    /// The last one that made them stale (mode `lazy`).
    pub stale: Seq,
}

impl Last {
    /// An invalidation at `seq`.
    pub fn at(seq: Seq, effect: Effect) -> Last {
        match effect {
            Effect::Gone => Last { gone: seq, stale: Seq(0) },
            Effect::Stale => Last { gone: Seq(0), stale: seq },
        }
    }

    /// The floor of forgotten marks: everything up to `seq` is taken as gone.
    pub fn floor(seq: Seq) -> Last {
        Last { gone: seq, stale: seq }
    }

    /// The later of each effect: what two marks say together.
    #[must_use]
    pub fn and(self, other: Last) -> Last {
        Last { gone: self.gone.max(other.gone), stale: self.stale.max(other.stale) }
    }

    /// The later of the two effects.
    pub fn newest(self) -> Seq {
        self.gone.max(self.stale)
    }
}

/// What a stored value turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing that covers it was invalidated since its load began.
    Fresh,
    /// Marked stale: the next read refreshes it.
    Stale,
    /// May never be served again.
    Gone,
}

/// Whether a value whose load began at `began` may be stored.
pub fn may_store(began: Seq, last: Last) -> bool {
    last.gone <= began && last.stale <= began
}

/// What a value whose load began at `began` is, by one of its marks.
pub fn verdict(began: Seq, last: Last) -> Verdict {
    if last.gone > began {
        Verdict::Gone
    } else if last.stale > began {
        Verdict::Stale
    } else {
        Verdict::Fresh
    }
}
