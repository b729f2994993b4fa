//! Making room.

use std::sync::atomic::Ordering::Relaxed;

use parking_lot::RwLockWriteGuard;

use crate::eviction::weight;
use crate::history::Parting;
use crate::shard::{Leaving, Shard, ShardCell};
use crate::shared::Standing;
use crate::{Engine, Eviction, Millis};

/// Rounds over all shards before too much memory is left as it is: what is left then is not entries.
const ROUNDS: usize = 16;

/// An entry that was stored just now: it does not leave for itself.
#[derive(Clone, Copy)]
struct Stays<'c> {
    home: &'c ShardCell,
    place: u32,
    generation: u32,
}

impl Stays<'_> {
    /// Its place, if it still stands in this shard.
    fn place_in(&self, cell: &ShardCell, shard: &Shard) -> Option<u32> {
        let there = std::ptr::eq(cell, self.home)
            && shard.slab.get(self.place).is_some_and(|slot| slot.generation == self.generation);
        there.then_some(self.place)
    }
}

impl Engine {
    /// Lets entries go until memory and the number of entries are within bounds; `place` was stored just now.
    pub(super) fn make_room(
        &self,
        home: &ShardCell,
        mut shard: RwLockWriteGuard<'_, Shard>,
        place: u32,
        now: Millis,
    ) {
        let stays = Stays { home, place, generation: shard.slab[place].generation };
        if self.shared.eviction() == Eviction::Priority {
            drop(shard);
            return self.reclaim_by_priority(stays, now);
        }
        self.evict_here(home, &mut shard, place, now);
        self.evict_surplus(home, &mut shard, Some(place), self.share_of_entries(), now);
        drop(shard);
        self.reclaim(stays, now);
        self.reclaim_entries(stays, now);
    }

    fn share_of_memory(&self) -> u64 {
        self.shared.config.max_memory / self.cells.len() as u64
    }

    fn share_of_entries(&self) -> u64 {
        self.shared.config.max_entries / self.cells.len() as u64
    }

    /// Evicts from the shard that just stored `stays`, if it holds more than its share for other reasons than that.
    fn evict_here(&self, cell: &ShardCell, shard: &mut Shard, stays: u32, now: Millis) {
        let share = self.share_of_memory();
        if weight(&shard.slab[stays]) > share / 4 {
            return;
        }
        while self.shared.over_memory() && shard.published() > share {
            if !self.evict_one(cell, shard, Some(stays), now) {
                return;
            }
        }
    }

    /// Evicts from one shard after the other until all is within bounds; from each at most a sixteenth a round, so that
    /// all give alike.
    fn reclaim(&self, stays: Stays<'_>, now: Millis) {
        let share = self.share_of_memory();
        for turn in 0..ROUNDS * self.cells.len() {
            if !self.shared.over_memory() {
                return;
            }
            let cell = self.next_cell();
            let mut shard = cell.lock.write();
            let spared = stays.place_in(cell, &shard);
            let first = turn < self.cells.len();
            let quota = (shard.published() / 16).max(4096);
            let until = shard.published().saturating_sub(quota);
            while self.shared.over_memory()
                && shard.published() > until
                && !(first && shard.published() <= share)
            {
                if !self.evict_one(cell, &mut shard, spared, now) {
                    break;
                }
            }
        }
    }

    /// The same for the number of entries. It is kept for all shards together: first those give that hold more than their
    /// share, then any.
    fn reclaim_entries(&self, stays: Stays<'_>, now: Millis) {
        for turn in 0..2 * self.cells.len() {
            if !self.shared.over_entries() {
                return;
            }
            let cell = self.next_cell();
            let mut shard = cell.lock.write();
            let spared = stays.place_in(cell, &shard);
            let share = if turn < self.cells.len() { self.share_of_entries() } else { 0 };
            self.evict_surplus(cell, &mut shard, spared, share, now);
        }
    }

    /// The shard that gives next.
    fn next_cell(&self) -> &ShardCell {
        &self.cells[self.reclaiming.fetch_add(1, Relaxed) & (self.cells.len() - 1)]
    }

    /// Evicts what a shard holds beyond `share`, as long as there are too many entries in all.
    fn evict_surplus(
        &self,
        cell: &ShardCell,
        shard: &mut Shard,
        spared: Option<u32>,
        share: u64,
        now: Millis,
    ) {
        while shard.slab.len() as u64 > share && self.shared.over_entries() {
            if !self.evict_claimed(cell, shard, spared, now) {
                return;
            }
        }
    }

    /// Evicts those of the lowest priority first, whichever shard they stand in. What was stored just now is the last of its
    /// priority to go, and goes before any of a higher one.
    fn reclaim_by_priority(&self, stays: Stays<'_>, now: Millis) {
        while self.shared.over_full() {
            let Some(lowest) = self.shared.lowest_priority() else { return };
            let begin = self.reclaiming.fetch_add(1, Relaxed);
            let others = (0..self.cells.len()).map(|n| &self.cells[(begin + n) & (self.cells.len() - 1)]);
            let others = others.filter(|cell| !std::ptr::eq(*cell, stays.home));
            let evicted = others.chain([stays.home]).any(|cell| self.evict_of(cell, lowest, stays, now));
            if !evicted {
                return;
            }
        }
    }

    /// Evicts one entry of the priority `lowest` from a shard, if it has one.
    fn evict_of(&self, cell: &ShardCell, lowest: u8, stays: Stays<'_>, now: Millis) -> bool {
        if self.shared.priority_of(cell.number) != Some(lowest) {
            return false;
        }
        let mut shard = cell.lock.write();
        if shard.eviction.lowest() != Some(lowest) {
            return false;
        }
        let spared = stays.place_in(cell, &shard);
        let is_last = spared.is_some() && shard.slab.len() == 1 && self.shared.has_others();
        let spared = spared.filter(|_| !is_last);
        if self.shared.over_memory() {
            self.evict_one(cell, &mut shard, spared, now)
        } else {
            self.evict_claimed(cell, &mut shard, spared, now)
        }
    }

    /// Evicts one entry if there are too many. It is counted out first, so that of two who see one too many only one evicts.
    fn evict_claimed(&self, cell: &ShardCell, shard: &mut Shard, spared: Option<u32>, now: Millis) -> bool {
        if !self.shared.claim_entry() {
            return false;
        }
        shard.claimed();
        let evicted = self.evict_one(cell, shard, spared, now);
        if !evicted {
            // The claim is given back.
            shard.publish(&self.shared);
        }
        evicted
    }

    fn evict_one(&self, cell: &ShardCell, shard: &mut Shard, spared: Option<u32>, now: Millis) -> bool {
        let Shard { eviction, slab, .. } = shard;
        let dead = |slot: &_| self.shared.standing(slot, now) == Standing::Dead;
        let Some(place) = eviction.victim(slab, spared, &dead) else { return false };
        let why = shard.death(place, now, &self.shared).unwrap_or(Leaving::Evicted);
        shard.remove(place, Parting::new(why, now), &self.shared, &cell.tally);
        shard.publish(&self.shared);
        true
    }
}
