//! Going over the entries.

use crate::names::NameKind;
use crate::shared::Standing;
use crate::slot::EntryPlace;
use crate::{Engine, Millis, View};

/// Places that one call of `scan` looks at, for each entry that it is asked for.
const PLACES_A_VISIT: usize = 16;

impl Engine {
    /// Visits about `count` entries from `cursor` (0 begins) and returns the next cursor (0: all done). An entry that
    /// stays during the whole scan is visited exactly once. Takes one shard at a time; `visit` does not call the engine.
    pub fn scan(&self, cursor: u64, count: usize, now: Millis, mut visit: impl FnMut(&View<'_>)) -> u64 {
        let (mut index, mut place) = ((cursor >> 32) as usize, cursor as u32);
        let mut wanted = count.max(1);
        let mut places = wanted.saturating_mul(PLACES_A_VISIT);
        while let Some(cell) = self.cells.get(index) {
            let shard = cell.lock.read();
            while place < shard.slab.end() {
                if wanted == 0 || places == 0 {
                    return (index as u64) << 32 | u64::from(place);
                }
                if let Some(slot) = shard.slab.get(place)
                    && self.visible(slot, now).is_some_and(|stale| {
                        visit(&View::new(slot, stale));
                        true
                    })
                {
                    wanted -= 1;
                }
                places -= 1;
                place += 1;
            }
            (index, place) = (index + 1, 0);
            if wanted == 0 && index < self.cells.len() {
                return (index as u64) << 32;
            }
        }
        0
    }

    /// Visits the keys of all entries, whatever those are worth, and returns the next cursor as [`Engine::scan`] does. Looks at
    /// `places` places: a caller with many entries goes on between other work. A key whose entry stays meanwhile, or gives way to
    /// another one, is visited exactly once.
    pub fn keys(&self, cursor: u64, places: u32, mut visit: impl FnMut(&[u8])) -> u64 {
        let (mut index, mut place) = ((cursor >> 32) as usize, cursor as u32);
        let mut left = places.max(1);
        while let Some(cell) = self.cells.get(index) {
            let shard = cell.lock.read();
            let end = shard.slab.end().min(place.saturating_add(left));
            (place..end).filter_map(|place| shard.slab.get(place)).for_each(|slot| visit(slot.key()));
            left -= end.saturating_sub(place);
            if end < shard.slab.end() {
                return (index as u64) << 32 | u64::from(end);
            }
            (index, place) = (index + 1, 0);
            if left == 0 && index < self.cells.len() {
                return (index as u64) << 32;
            }
        }
        0
    }

    /// Whether an entry is to be shown, and if so whether as stale.
    pub(super) fn visible(&self, slot: &EntryPlace, now: Millis) -> Option<bool> {
        match self.shared.standing(slot, now) {
            Standing::Dead | Standing::Grace => None,
            Standing::Stale => Some(true),
            Standing::Fresh => Some(false),
        }
    }

    /// The tags and dependencies that entries name just now and that `wanted` accepts, each once; `None` when they are more than
    /// `most`.
    pub fn names_in_use(&self, most: usize, wanted: impl Fn(&[u8]) -> bool) -> Option<Vec<Box<[u8]>>> {
        let live = [NameKind::Tag, NameKind::Dependency].map(|kind| self.shared.names.live(kind, &wanted));
        let mut names: Vec<Box<[u8]>> = live.iter().flatten().map(|mark| mark.name().into()).collect();
        names.sort_unstable();
        names.dedup();
        (names.len() <= most).then_some(names)
    }

    /// A key, picked by the random number `pick`; `None` when there is none.
    pub fn random_key(&self, pick: u64, now: Millis) -> Option<Box<[u8]>> {
        let shards = self.cells.len() as u64;
        let start = pick % shards;
        (0..shards).find_map(|turn| {
            let shard = self.cells[((start + turn) % shards) as usize].lock.read();
            let end = shard.slab.end();
            let first = ((pick / shards) % u64::from(end.max(1))) as u32;
            (first..end).chain(0..first).find_map(|place| {
                let slot = shard.slab.get(place)?;
                self.visible(slot, now).map(|_| slot.key().into())
            })
        })
    }

    /// Shows every entry, dead ones too, a slice of a shard at a time.
    pub(super) fn each(&self, mut visit: impl FnMut(&EntryPlace)) {
        for cell in &self.cells {
            let mut place = 0;
            loop {
                let shard = cell.lock.read();
                let end = shard.slab.end().min(place + super::apply::SLICE);
                (place..end).filter_map(|place| shard.slab.get(place)).for_each(&mut visit);
                if end >= shard.slab.end() {
                    break;
                }
                place = end;
            }
        }
    }
}
