//! Making room.

use std::sync::atomic::Ordering::Relaxed;

use crate::eviction::weight;
use crate::history::Parting;
use crate::shard::{Cell, Leaving, Shard};
use crate::shared::Standing;
use crate::{Engine, Millis};

/// Rounds over all shards before too much memory is left as it is: what is left then is not entries.
const ROUNDS: usize = 16;

impl Engine {
    /// Evicts from the shard that just stored `stays`, if it holds more than its share for other reasons than that.
    pub(super) fn evict_here(&self, cell: &Cell, shard: &mut Shard, stays: u32, now: Millis) {
        let share = self.shared.config.max_memory / self.cells.len() as u64;
        if weight(&shard.slab[stays]) > share / 4 {
            return;
        }
        while self.shared.over_full() && shard.published() > share {
            if !self.evict_one(cell, shard, Some(stays), now) {
                return;
            }
        }
    }

    /// Evicts from one shard after the other until all is within bounds; from each at most a sixteenth a round, so that
    /// all give alike.
    pub(super) fn reclaim(&self, home: &Cell, stays: (u32, u32), now: Millis) {
        let share = self.shared.config.max_memory / self.cells.len() as u64;
        for turn in 0..ROUNDS * self.cells.len() {
            if !self.shared.over_full() {
                return;
            }
            let next = self.reclaiming.fetch_add(1, Relaxed) & (self.cells.len() - 1);
            let cell = &self.cells[next];
            let mut shard = cell.lock.write();
            let stays = Some(stays.0).filter(|&place| {
                std::ptr::eq(cell, home)
                    && shard.slab.get(place).is_some_and(|slot| slot.generation == stays.1)
            });
            let first = turn < self.cells.len();
            let quota = (shard.published() / 16).max(4096);
            let until = shard.published().saturating_sub(quota);
            while self.shared.over_full()
                && shard.published() > until
                && !(first && shard.published() <= share)
            {
                if !self.evict_one(cell, &mut shard, stays, now) {
                    break;
                }
            }
        }
    }

    fn evict_one(&self, cell: &Cell, shard: &mut Shard, stays: Option<u32>, now: Millis) -> bool {
        let Shard { eviction, slab, .. } = shard;
        let dead = |slot: &_| self.shared.standing(slot, now) == Standing::Dead;
        let Some(place) = eviction.victim(slab, stays, dead) else { return false };
        let why = shard.death(place, now, &self.shared).unwrap_or(Leaving::Evicted);
        shard.remove(place, Parting::new(why, now), &self.shared, &cell.tally);
        shard.publish(&self.shared);
        true
    }
}
