//! Which slots a member serves, to be looked at without its lock.

use std::sync::atomic::{AtomicU64, Ordering};

use clearwell_cluster::{Epoch, Member, Slot};
use clearwell_engine::Millis;

/// What a member may act as owner of, as of its last step: published under its lock, read without. Who reads an older word than the last acts
/// as who asked the member just before that.
#[derive(Debug)]
pub struct Serving {
    /// Until when it may act as owner at all.
    until: AtomicU64,
    /// The slots that it has begun with, a bit each.
    words: Box<[AtomicU64]>,
    /// What the words were read from.
    changes: AtomicU64,
    /// The epoch of the view that it follows, and in the lowest bit whether slots are on their way in it from one node to another.
    view: AtomicU64,
}

const BITS: usize = u64::BITS as usize;

impl Serving {
    /// Nothing yet, of so many slots.
    pub(crate) fn new(slots: u16) -> Serving {
        let words = (0..usize::from(slots).div_ceil(BITS)).map(|_| AtomicU64::new(0)).collect();
        let none = || AtomicU64::new(0);
        Serving { until: none(), words, changes: none(), view: none() }
    }

    /// Whether a slot is served at a time.
    #[inline]
    pub fn has(&self, now: Millis, slot: Slot) -> bool {
        let at = usize::from(slot.0);
        let word = self.words.get(at / BITS).map_or(0, |word| word.load(Ordering::Acquire));
        word >> (at % BITS) & 1 == 1 && now.0 < self.until.load(Ordering::Acquire)
    }

    /// The epoch of the view, 0 before the first, and whether slots are on their way in it.
    #[inline]
    pub fn view_moves(&self) -> (Epoch, bool) {
        let view = self.view.load(Ordering::Acquire);
        (Epoch(view >> 1), view & 1 == 1)
    }

    /// Notes what a member serves. Called while it is held.
    pub(crate) fn publish(&self, member: &Member) {
        let served = member.serves();
        if self.until.load(Ordering::Relaxed) != served.until.0 {
            self.until.store(served.until.0, Ordering::Release);
        }
        let epoch = served.view.map_or(0, |view| view.epoch.0);
        if self.view.load(Ordering::Relaxed) >> 1 != epoch {
            let moves = served.view.is_some_and(|view| !view.is_settled());
            self.view.store(epoch << 1 | u64::from(moves), Ordering::Release);
        }
        if self.changes.load(Ordering::Relaxed) == served.changes {
            return;
        }
        for (at, word) in self.words.iter().enumerate() {
            word.store(served.begun.get(at).copied().unwrap_or(0), Ordering::Release);
        }
        self.changes.store(served.changes, Ordering::Relaxed);
    }
}
