//! An entry under another key: moved or copied in one step, with all that is kept with it.

use crate::freshness::Verdict;
use crate::hash::shard_of;
use crate::history::Parting;
use crate::names::NameKind;
use crate::shard::{Leaving, Shard, ShardCell};
use crate::shared::Standing;
use crate::slot::EntryPlace;
use crate::{Draft, Engine, EventPattern, Millis, TooLarge, Version};

/// How an entry gets another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relocation {
    /// Whether a value that the other key has may go.
    pub replace: bool,
    /// Whether the entry stays under its own key as well.
    pub keep: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relocated {
    /// It has the other key.
    Done,
    /// There is no such entry, or only one that is marked stale.
    Missing,
    /// The other key has a value.
    Occupied,
    /// The other key may not have this value.
    Refused,
}

/// An entry, owned.
pub(super) struct Whole {
    value: Vec<u8>,
    expires: Option<Millis>,
    grace_ms: u64,
    tags: Vec<Box<[u8]>>,
    dependencies: Vec<Box<[u8]>>,
    events: Vec<EventPattern>,
    version: Option<Version>,
    priority: u8,
    content_type: Option<Box<str>>,
}

impl Engine {
    /// Moves or copies an entry, with its times, tags, dependencies and events. No other change of either key comes between. As
    /// after [`Engine::put`] what depends on the other key is invalidated, and what depends on this one where it is moved. `takes`
    /// says whether the other key may have the value, and does not call the engine.
    ///
    /// # Errors
    /// It does not fit under the other key; nothing is changed.
    pub fn relocate(
        &self,
        from: &[u8],
        to: &[u8],
        how: Relocation,
        takes: impl FnOnce(&[u8]) -> bool,
        now: Millis,
    ) -> Result<Relocated, TooLarge> {
        let (hash, cell) = self.cell(from);
        let other = self.cell(to).1;
        if std::ptr::eq(cell, other) {
            let mut shard = cell.lock.write();
            let Some((whole, place)) = self.whole(&shard, hash, from, now) else {
                return Ok(Relocated::Missing);
            };
            if from == to || (!how.replace && self.is_occupied(&shard, to, now)) {
                return Ok(if from == to && how.replace { Relocated::Done } else { Relocated::Occupied });
            }
            if !takes(&whole.value) {
                return Ok(Relocated::Refused);
            }
            let stored = whole.lend(|draft| self.put_held(cell, &mut shard, to, draft, now, None))?;
            let moved = self.is_still_fresh(&shard, place, from);
            self.settle(cell, &mut shard, moved, stored, now);
            if moved && !how.keep {
                self.remove_key(cell, &mut shard, from, now);
            }
            let stored = stored.filter(|_| moved);
            self.finish(cell, shard, stored, now);
            return Ok(if moved { Relocated::Done } else { Relocated::Missing });
        }
        // Always in the order of the shards: two that cross do not wait for each other.
        let first = std::ptr::from_ref(cell) < std::ptr::from_ref(other);
        let (mut shard, mut target);
        if first {
            shard = cell.lock.write();
            target = other.lock.write();
        } else {
            target = other.lock.write();
            shard = cell.lock.write();
        }
        let Some((whole, place)) = self.whole(&shard, hash, from, now) else { return Ok(Relocated::Missing) };
        if !how.replace && self.is_occupied(&target, to, now) {
            return Ok(Relocated::Occupied);
        }
        if !takes(&whole.value) {
            return Ok(Relocated::Refused);
        }
        let beside = Some((cell, &*shard));
        let stored = whole.lend(|draft| self.put_held(other, &mut target, to, draft, now, beside))?;
        let moved = self.is_still_fresh(&shard, place, from);
        self.settle(other, &mut target, moved, stored, now);
        if moved && !how.keep {
            self.remove_key(cell, &mut shard, from, now);
        }
        self.finish(cell, shard, None, now);
        self.finish(other, target, stored.filter(|_| moved), now);
        Ok(if moved { Relocated::Done } else { Relocated::Missing })
    }

    /// An entry that is fresh and has a value, and its place.
    fn whole(&self, shard: &Shard, hash: u64, key: &[u8], now: Millis) -> Option<(Whole, u32)> {
        let place = shard.find(hash, key)?;
        let slot = &shard.slab[place];
        let is_whole = !slot.negative && self.shared.standing(slot, now) == Standing::Fresh;
        is_whole.then(|| (Whole::of(slot), place))
    }

    fn is_occupied(&self, shard: &Shard, key: &[u8], now: Millis) -> bool {
        let place = shard.find(self.shared.hasher.hash(key), key);
        let slot = place.map(|place| &shard.slab[place]);
        slot.is_some_and(|slot| !slot.negative && self.shared.standing(slot, now) >= Standing::Stale)
    }

    /// A tag or pattern that covers the entry may have been invalidated while it was stored anew: then the copy is as old.
    fn is_still_fresh(&self, shard: &Shard, place: u32, key: &[u8]) -> bool {
        let hash = self.shared.hasher.hash(key);
        // To store the other one may have made room by taking this one.
        shard.find(hash, key) == Some(place) && self.shared.verdict(&shard.slab[place]) == Verdict::Fresh
    }

    fn settle(&self, cell: &ShardCell, shard: &mut Shard, moved: bool, stored: Option<u32>, now: Millis) {
        if let Some(place) = stored.filter(|_| !moved) {
            self.take_away(cell, shard, place, Parting::new(Leaving::Invalidated, now));
        }
    }

    /// The shard of a dependency is one of those that are held already.
    pub(super) fn held_beside<'s>(
        &self,
        hash: u64,
        beside: Option<(&ShardCell, &'s Shard)>,
    ) -> Option<&'s Shard> {
        let cell = &self.cells[shard_of(hash, self.cells.len() - 1)];
        beside.filter(|(held, _)| std::ptr::eq(*held, cell)).map(|(_, shard)| shard)
    }
}

impl Whole {
    /// All that is kept of an entry; one that is negative has an empty value.
    pub(super) fn of(slot: &EntryPlace) -> Whole {
        let view = crate::View::new(slot, false);
        Whole {
            value: view.value().map(<[u8]>::to_vec).unwrap_or_default(),
            expires: view.expires(),
            grace_ms: slot.grace_ms(),
            tags: slot.names(NameKind::Tag).map(Box::from).collect(),
            dependencies: slot.names(NameKind::Dependency).map(Box::from).collect(),
            events: view.events().filter_map(|event| EventPattern::parse(event).ok()).collect(),
            version: view.version(),
            priority: view.priority(),
            content_type: view.content_type().map(Box::from),
        }
    }

    pub(super) fn lend<T>(&self, to: impl FnOnce(&Draft<'_>) -> T) -> T {
        let tags: Vec<&[u8]> = self.tags.iter().map(|tag| &**tag).collect();
        let dependencies: Vec<&[u8]> = self.dependencies.iter().map(|name| &**name).collect();
        to(&Draft {
            value: Some(&self.value),
            expires: self.expires,
            grace_ms: self.grace_ms,
            tags: &tags,
            dependencies: &dependencies,
            events: &self.events,
            version: self.version,
            priority: self.priority,
            content_type: self.content_type.as_deref(),
            load_ms: 0,
            ..Draft::default()
        })
    }
}
