//! What a connection has done with keys itself: what tells a late fill from a write.

use clearwell_engine::Seq;

/// Slots at the first miss; a power of two.
const FEWEST: usize = 16;
/// Slots at most: what a connection may cost is bounded.
const MOST: usize = 1024;

/// What a connection did with one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Past {
    /// The count of invalidations at its latest miss, unless a SET has followed it.
    pub miss: Option<Seq>,
    /// Whether it has deleted or written the key since.
    pub wrote: bool,
    /// Whether it ever deleted the key, or SET it without a miss before it.
    pub writes: bool,
}

/// A key's hash and what was done with it, in sixteen bytes: a node has a table of these for each connection.
#[derive(Debug, Clone, Copy, Default)]
struct MissPlace {
    hash: u64,
    /// The count at the miss, above the flags. 0: nothing is here.
    past: u64,
}

impl MissPlace {
    const USED: u64 = 1;
    const MISSED: u64 = 1 << 1;
    const WROTE: u64 = 1 << 2;
    const WRITES: u64 = 1 << 3;
    const FLAGS: u32 = 4;

    fn new(hash: u64, past: Past) -> MissPlace {
        let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
        let flags = flag(past.miss.is_some(), Self::MISSED)
            | flag(past.wrote, Self::WROTE)
            | flag(past.writes, Self::WRITES);
        MissPlace { hash, past: past.miss.map_or(0, |seq| seq.0 << Self::FLAGS) | flags | Self::USED }
    }

    fn is_used(self) -> bool {
        self.past != 0
    }

    fn is_of(self, hash: u64) -> bool {
        self.is_used() && self.hash == hash
    }

    fn past(self) -> Past {
        let has = |flag: u64| self.past & flag != 0;
        Past {
            miss: has(Self::MISSED).then_some(Seq(self.past >> Self::FLAGS)),
            wrote: has(Self::WROTE),
            writes: has(Self::WRITES),
        }
    }
}

/// By the hash of a key: what this connection did with it.
///
/// Forgetting is safe: the engine remembers the misses of all connections for its late-fill window, so a forgotten
/// one costs a fill that might have been kept, never a stale value. So each hash has one slot, the latest wins, and
/// the table grows while it is small.
#[derive(Debug, Default)]
pub struct ConnectionMisses {
    slots: Vec<MissPlace>,
    used: usize,
}

impl ConnectionMisses {
    /// Whether nothing is remembered, so that there is no need to hash a key.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Remembers a miss.
    pub fn note(&mut self, hash: u64, began: Seq) {
        self.enter(hash, |past| Past { miss: Some(began), wrote: false, ..past });
    }

    /// Remembers that the connection deleted the key.
    pub fn deleted(&mut self, hash: u64) {
        self.enter(hash, |past| Past { wrote: true, writes: true, ..past });
    }

    /// Remembers that the connection wrote the key, if anything is known of it.
    pub fn wrote(&mut self, hash: u64) {
        if let Some(slot) = self.find(hash) {
            slot.past |= MissPlace::WROTE;
        }
    }

    /// What the connection did with a key that it SETs now. The SET answers its miss.
    pub fn set(&mut self, hash: u64) -> Past {
        let Some(slot) = self.find(hash) else { return Past::default() };
        let before = slot.past();
        let writes = before.writes || before.miss.is_none() || before.wrote;
        *slot = MissPlace::new(hash, Past { miss: None, wrote: true, writes });
        before
    }

    /// The misses that no SET has followed.
    pub fn unanswered(&self) -> impl Iterator<Item = (u64, Seq)> + '_ {
        let used = self.slots.iter().filter(|slot| slot.is_used());
        used.filter_map(|slot| Some((slot.hash, slot.past().miss?)))
    }

    fn enter(&mut self, hash: u64, change: impl FnOnce(Past) -> Past) {
        if self.slots.is_empty() {
            self.slots = vec![MissPlace::default(); FEWEST];
        }
        while self.is_taken_by_other(hash) && self.slots.len() < MOST {
            self.grow();
        }
        let place = self.place(hash);
        let slot = &mut self.slots[place];
        self.used = self.used.saturating_add(usize::from(!slot.is_used()));
        let past = if slot.is_of(hash) { slot.past() } else { Past::default() };
        *slot = MissPlace::new(hash, change(past));
    }

    fn find(&mut self, hash: u64) -> Option<&mut MissPlace> {
        let place = self.place(hash);
        self.slots.get_mut(place).filter(|slot| slot.is_of(hash))
    }

    fn place(&self, hash: u64) -> usize {
        (hash as usize) & (self.slots.len().saturating_sub(1))
    }

    fn is_taken_by_other(&self, hash: u64) -> bool {
        let slot = self.slots[self.place(hash)];
        slot.is_used() && slot.hash != hash
    }

    fn grow(&mut self) {
        let wider = vec![MissPlace::default(); self.slots.len().saturating_mul(2)];
        let old = std::mem::replace(&mut self.slots, wider);
        self.used = 0;
        for slot in old.into_iter().filter(|slot| slot.is_used()) {
            let place = self.place(slot.hash);
            self.used = self.used.saturating_add(usize::from(!self.slots[place].is_used()));
            self.slots[place] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miss_is_answered_once_and_the_latest_counts() {
        let mut misses = ConnectionMisses::default();
        assert_eq!(misses.set(7), Past::default());
        misses.note(7, Seq(1));
        misses.note(7, Seq(4));
        assert!(!misses.is_empty());
        assert_eq!(misses.set(7), Past { miss: Some(Seq(4)), wrote: false, writes: false });
        assert_eq!(misses.set(7), Past { miss: None, wrote: true, writes: false }, "a fill makes no writer");
        assert_eq!(misses.set(7), Past { miss: None, wrote: true, writes: true });
    }

    #[test]
    fn a_deletion_after_the_miss_is_known_until_the_next_miss() {
        let mut misses = ConnectionMisses::default();
        misses.note(7, Seq(1));
        misses.deleted(7);
        assert_eq!(misses.unanswered().collect::<Vec<_>>(), [(7, Seq(1))]);
        assert_eq!(misses.set(7), Past { miss: Some(Seq(1)), wrote: true, writes: true });
        misses.note(7, Seq(3));
        assert_eq!(misses.set(7), Past { miss: Some(Seq(3)), wrote: false, writes: true });
        misses.wrote(8);
        assert_eq!(misses.set(8), Past::default(), "of a key that was not missed nothing is remembered");
    }

    #[test]
    fn it_grows_to_keep_a_pipeline_of_misses_and_stays_bounded() {
        let mut misses = ConnectionMisses::default();
        let hash = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_right(20);
        (0..100u64).for_each(|n| misses.note(hash(n), Seq(n)));
        let kept = (0..100u64).filter(|&n| misses.set(hash(n)).miss == Some(Seq(n))).count();
        assert!(kept > 90, "kept {kept} of 100");
        (0..100_000u64).for_each(|n| misses.note(hash(n), Seq(n)));
        assert!(misses.slots.len() <= MOST && misses.used <= MOST);
        assert_eq!(misses.set(hash(99_999)).miss, Some(Seq(99_999)), "the latest is always kept");
    }

    #[test]
    fn hashes_that_share_a_slot_are_not_mistaken_for_each_other() {
        let mut misses = ConnectionMisses::default();
        misses.note(5, Seq(1));
        assert_eq!(misses.set(5 + (MOST as u64) * 4), Past::default());
        assert_eq!(misses.set(5).miss, Some(Seq(1)));
    }
}
