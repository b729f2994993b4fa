//! Giving memory back, a little at a time.

use std::sync::atomic::Ordering::Acquire;

use crate::history::Parting;
use crate::shard::{Leaving, Shard};
use crate::slot::NEVER;
use crate::{Engine, Maintained, Millis};

/// How far the sweeper is.
#[derive(Debug, Default)]
pub(super) struct Broom {
    shard: usize,
    place: u32,
    /// The last invalidation that the lap under way can have seen from its start.
    lap: u64,
    /// The last one that a whole lap has swept after.
    swept: u64,
    sweeping: bool,
}

impl Engine {
    /// Takes away what expired and gives back the memory of what was invalidated, at most about `budget` entries.
    pub fn maintain(&self, now: Millis, budget: usize) -> Maintained {
        let mut done = Maintained::default();
        let mut left = budget.max(1);
        for index in 0..self.cells.len() {
            if self.cells[index].lock.read().wheel.len() > 0 {
                done.more |= self.expire(index, now, &mut left, &mut done);
            }
        }
        done.more |= self.sweep(now, left, &mut done);
        done
    }

    /// When [`Engine::maintain`] has something to do again because of the time: now or earlier, while an entry that expired is
    /// still there. `None`: no entry expires. What is invalidated meanwhile can be swept at any time.
    pub fn due(&self) -> Option<Millis> {
        self.cells.iter().filter_map(|cell| cell.lock.read().wheel.due()).min()
    }

    /// Turns one shard's wheel; whether more is due.
    fn expire(&self, index: usize, now: Millis, left: &mut usize, done: &mut Maintained) -> bool {
        let cell = &self.cells[index];
        let mut shard = cell.lock.write();
        shard.wheel.turn(now);
        while *left > 0 {
            let Some((place, generation)) = shard.wheel.pop() else { break };
            *left -= 1;
            let Some(slot) = shard.slab.get(place).filter(|slot| slot.generation == generation) else {
                continue;
            };
            if slot.over(now) {
                shard.remove(place, Parting::new(Leaving::Expired, now), &self.shared, &cell.tally);
                done.expired += 1;
            } else if slot.expires != NEVER {
                let deadline = slot.deadline();
                shard.wheel.set((place, generation), deadline);
            }
        }
        shard.publish(&self.shared);
        shard.wheel.has_due()
    }

    /// Goes on with the lap under way, or begins one if something was invalidated since the last; whether there is more
    /// to sweep.
    fn sweep(&self, now: Millis, budget: usize, done: &mut Maintained) -> bool {
        let mut broom = self.broom.lock();
        let unswept = self.shared.unswept.load(Acquire);
        if !broom.sweeping {
            if broom.swept >= unswept {
                return false;
            }
            *broom = Broom { lap: unswept, swept: broom.swept, sweeping: true, shard: 0, place: 0 };
        }
        let mut left = budget;
        while left > 0 && broom.shard < self.cells.len() {
            let cell = &self.cells[broom.shard];
            let mut shard = cell.lock.write();
            let end = shard
                .slab
                .end()
                .min(broom.place.saturating_add(left.min(super::apply::SLICE as usize) as u32));
            left = left.saturating_sub((end.saturating_sub(broom.place) as usize).max(1));
            for place in broom.place..end {
                done.swept += u64::from(self.sweep_one(&cell.tally, &mut shard, place, now));
            }
            broom.place = end;
            if end >= shard.slab.end() {
                broom.shard += 1;
                broom.place = 0;
            }
            shard.publish(&self.shared);
        }
        if broom.shard == self.cells.len() {
            broom.sweeping = false;
            broom.swept = broom.lap;
        }
        broom.sweeping || broom.swept < self.shared.unswept.load(Acquire)
    }

    fn sweep_one(&self, tally: &crate::shard::Tally, shard: &mut Shard, place: u32, now: Millis) -> bool {
        if shard.slab.get(place).is_none()
            || shard.death(place, now, &self.shared) != Some(Leaving::Invalidated)
        {
            return false;
        }
        shard.remove(place, Parting::new(Leaving::Invalidated, now), &self.shared, tally);
        true
    }
}
