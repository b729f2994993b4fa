//! A connection's own misses: what tells a late fill from a write.

use clearwell_engine::Seq;

/// Slots at the first miss; a power of two.
const FEWEST: usize = 16;
/// Slots at most: what a connection may cost is bounded.
const MOST: usize = 1024;

/// By the hash of a key: the count of invalidations at this connection's latest miss of it.
///
/// Forgetting is safe: the engine remembers the misses of all connections for its late-fill window, so a forgotten
/// one costs a fill that might have been kept, never a stale value. So each hash has one slot, the latest wins, and
/// the table grows while it is small.
#[derive(Debug, Default)]
pub struct Misses {
    slots: Vec<Option<(u64, Seq)>>,
    used: usize,
}

impl Misses {
    /// Whether nothing is remembered, so that there is no need to hash a key.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Remembers a miss.
    pub fn note(&mut self, hash: u64, began: Seq) {
        if self.slots.is_empty() {
            self.slots = vec![None; FEWEST];
        }
        while self.taken_by_other(hash) && self.slots.len() < MOST {
            self.grow();
        }
        let slot = self.slot(hash);
        if self.slots[slot].replace((hash, began)).is_none() {
            self.used = self.used.saturating_add(1);
        }
    }

    /// Forgets a miss and tells its count.
    pub fn take(&mut self, hash: u64) -> Option<Seq> {
        if self.used == 0 {
            return None;
        }
        let slot = self.slot(hash);
        let (kept, began) = self.slots[slot]?;
        if kept != hash {
            return None;
        }
        self.slots[slot] = None;
        self.used = self.used.saturating_sub(1);
        Some(began)
    }

    fn slot(&self, hash: u64) -> usize {
        (hash as usize) & (self.slots.len().saturating_sub(1))
    }

    fn taken_by_other(&self, hash: u64) -> bool {
        self.slots[self.slot(hash)].is_some_and(|(kept, _)| kept != hash)
    }

    fn grow(&mut self) {
        let wider = vec![None; self.slots.len().saturating_mul(2)];
        let old = std::mem::replace(&mut self.slots, wider);
        self.used = 0;
        for (hash, began) in old.into_iter().flatten() {
            let slot = self.slot(hash);
            self.slots[slot] = Some((hash, began));
            self.used = self.used.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miss_is_taken_once_and_the_latest_counts() {
        let mut misses = Misses::default();
        assert_eq!(misses.take(7), None);
        misses.note(7, Seq(1));
        misses.note(7, Seq(4));
        assert!(!misses.is_empty());
        assert_eq!(misses.take(7), Some(Seq(4)));
        assert_eq!(misses.take(7), None);
        assert!(misses.is_empty());
    }

    #[test]
    fn it_grows_to_keep_a_pipeline_of_misses_and_stays_bounded() {
        let mut misses = Misses::default();
        let hash = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_right(20);
        (0..100u64).for_each(|n| misses.note(hash(n), Seq(n)));
        let kept = (0..100u64).filter(|&n| misses.take(hash(n)) == Some(Seq(n))).count();
        assert!(kept > 90, "kept {kept} of 100");
        (0..100_000u64).for_each(|n| misses.note(hash(n), Seq(n)));
        assert!(misses.slots.len() <= MOST && misses.used <= MOST);
        assert_eq!(misses.take(hash(99_999)), Some(Seq(99_999)), "the latest is always kept");
    }

    #[test]
    fn hashes_that_share_a_slot_are_not_mistaken_for_each_other() {
        let mut misses = Misses::default();
        misses.note(5, Seq(1));
        assert_eq!(misses.take(5 + (MOST as u64) * 4), None);
        assert_eq!(misses.take(5), Some(Seq(1)));
    }
}
