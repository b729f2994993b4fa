//! Invalidations.

use std::sync::atomic::Ordering::{AcqRel, Relaxed};

use crate::freshness::Last;
use crate::history::Parting;
use crate::names::NameKind;
use crate::shard::{Leaving, Shard, ShardCell};
use crate::shared::{Standing, Swath};
use crate::slot::EntryPlace;
use crate::{Applied, Cause, Effect, Engine, Invalidation, Millis, Scope, Seq};

/// Places that a walk over all entries visits before it lets others at the shard.
pub(super) const SLICE: u32 = 1024;

impl Engine {
    /// Applies an invalidation. When it returns, no later read sees what was covered.
    pub fn apply(&self, invalidation: &Invalidation, now: Millis) -> Applied {
        self.carry_out(invalidation, false, now)
    }

    /// The same for one key of which the engine itself asks for the place in the order ([`Order`](crate::Order)), while the key is held: no value
    /// of the key stands before it there and after it here.
    pub fn apply_in_order(&self, invalidation: &Invalidation, now: Millis) -> Applied {
        debug_assert!(matches!(&*invalidation.scope, Scope::Key(_)), "one key is held");
        self.carry_out(invalidation, true, now)
    }

    fn carry_out(&self, invalidation: &Invalidation, asks: bool, now: Millis) -> Applied {
        let seq = self.shared.counter.next();
        self.shared.invalidations.fetch_add(1, Relaxed);
        self.shared.ledger.note(seq, invalidation, now);
        let (own, dependents) = match &*invalidation.scope {
            Scope::Key(key) => self.apply_key(key, seq, (invalidation, asks), now),
            Scope::Pattern(glob) => self.apply_swath(Swath::Pattern(glob.clone()), seq, invalidation, now),
            Scope::Prefix(prefix) => self.apply_swath(Swath::Prefix(prefix.clone()), seq, invalidation, now),
            scope => (self.apply_named(scope, seq, invalidation, now), 0),
        };
        Applied { seq, reached: own + dependents, dependents }
    }

    /// Where it is names that are marked, or everything.
    fn apply_named(&self, scope: &Scope, seq: Seq, invalidation: &Invalidation, now: Millis) -> u64 {
        match scope {
            Scope::Key(_) | Scope::Pattern(_) | Scope::Prefix(_) => 0,
            Scope::Tag(tag) => {
                self.raise(&[(NameKind::Tag, tag), (NameKind::Dependency, tag)], seq, invalidation)
            }
            Scope::Dependents(name) => self.raise(&[(NameKind::Dependency, name)], seq, invalidation),
            Scope::Event(event) => {
                self.shared.events.push(seq, invalidation.effect, event.clone());
                let marks = self.shared.names.live_events(event);
                marks
                    .iter()
                    .map(|mark| self.raise(&[(NameKind::Event, mark.name())], seq, invalidation))
                    .sum()
            }
            Scope::Everything => self.apply_everything(seq, invalidation, now),
        }
    }

    fn apply_key(
        &self,
        key: &[u8],
        seq: Seq,
        (invalidation, asks): (&Invalidation, bool),
        now: Millis,
    ) -> (u64, u64) {
        let (hash, cell) = self.cell(key);
        let mut shard = cell.lock.write();
        if asks {
            self.log.asked(invalidation, now);
        }
        shard.outstanding.invalidated(hash, seq);
        let mut reached = false;
        let mut known = false;
        if let Some(place) = shard.find(hash, key) {
            let slot = &shard.slab[place];
            let live = self.shared.standing(slot, now) != Standing::Dead;
            // It contains that change already. A put also answers for its key; loads in flight beside a fill may
            // be older than it, and are refused.
            let newer = live && invalidation.version.is_some() && slot.version() >= invalidation.version;
            known = newer && slot.put;
            if !newer {
                reached = self.reach(cell, &mut shard, place, seq, invalidation, now);
            }
        }
        if !known {
            shard.marks.raise(hash, Last::at(seq, invalidation.effect));
        }
        self.finish(cell, shard, None, now);
        let dependents = if invalidation.cascade {
            self.raise(&[(NameKind::Dependency, key)], seq, invalidation)
        } else {
            0
        };
        (u64::from(reached), dependents)
    }

    /// Raises the first name; with `cascade` all of them and what follows. Nothing is walked: readers see the marks.
    fn raise(&self, start: &[(NameKind, &[u8])], seq: Seq, invalidation: &Invalidation) -> u64 {
        let (names, counter) = (&self.shared.names, &self.shared.counter);
        let reached = if invalidation.cascade {
            names.cascade(start, seq, invalidation.effect, counter)
        } else {
            let first = start.first();
            let raise = |&(kind, name)| names.raise(kind, name, seq, invalidation.effect, counter);
            first.and_then(raise).unwrap_or_default().entries
        };
        self.note_unswept(seq);
        reached
    }

    /// Notes that entries may wait for the sweeper.
    pub(super) fn note_unswept(&self, seq: Seq) {
        self.shared.unswept.fetch_max(seq.0, AcqRel);
    }

    fn apply_swath(&self, swath: Swath, seq: Seq, invalidation: &Invalidation, now: Millis) -> (u64, u64) {
        self.shared.patterns.push(seq, invalidation.effect, swath.clone());
        let reached = self.walk(seq, invalidation, now, |slot| swath.covers(slot.key()));
        (reached, self.cascade_where(seq, invalidation, |name| swath.covers(name)))
    }

    /// A client that empties the cache (FLUSHALL) begins anew: SETs after it are taken as they come, but for those of
    /// connections that missed the key themselves. Whoever means «what was read before now is old» invalidates.
    fn apply_everything(&self, seq: Seq, invalidation: &Invalidation, now: Millis) -> u64 {
        self.shared.everything.raise(seq, invalidation.effect);
        let reached = self.walk(seq, invalidation, now, |_| true);
        for cell in &self.cells {
            let mut shard = cell.lock.write();
            shard.marks.forget_through(seq);
            shard.taken.forget_through(seq);
            if invalidation.cause == Cause::Removal {
                shard.outstanding.clear();
            }
            shard.publish(&self.shared);
        }
        // All that depends on anything was covered itself.
        reached
    }

    fn cascade_where(&self, seq: Seq, invalidation: &Invalidation, covers: impl Fn(&[u8]) -> bool) -> u64 {
        if !invalidation.cascade {
            return 0;
        }
        let live = self.shared.names.live(NameKind::Dependency, |name| covers(name));
        let start: Vec<(NameKind, &[u8])> =
            live.iter().map(|mark| (NameKind::Dependency, mark.name())).collect();
        if start.is_empty() { 0 } else { self.raise(&start, seq, invalidation) }
    }

    /// Visits every entry, a slice at a time, and takes away or marks those that are covered.
    fn walk(
        &self,
        seq: Seq,
        invalidation: &Invalidation,
        now: Millis,
        covers: impl Fn(&EntryPlace) -> bool,
    ) -> u64 {
        let mut reached = 0;
        for cell in &self.cells {
            let mut place = 0;
            loop {
                let mut shard = cell.lock.write();
                let end = place + SLICE;
                while place < end.min(shard.slab.end()) {
                    if shard.slab.get(place).is_some_and(&covers) {
                        reached += u64::from(self.reach(cell, &mut shard, place, seq, invalidation, now));
                    }
                    place += 1;
                }
                shard.publish(&self.shared);
                if place >= shard.slab.end() {
                    break;
                }
            }
        }
        reached
    }

    /// Does to one entry what the invalidation says; whether that made a difference to a reader.
    fn reach(
        &self,
        cell: &ShardCell,
        shard: &mut Shard,
        place: u32,
        seq: Seq,
        invalidation: &Invalidation,
        now: Millis,
    ) -> bool {
        // Also one whose count is higher than `seq`: it was stored while this invalidation was on its way to the shard, and a
        // plain SET among them may carry what was read before.
        let death = shard.death_before(place, now, seq, &self.shared);
        match invalidation.effect {
            // One that has ended for its readers is no more than that.
            Effect::Stale if death.is_some() || shard.slab[place].expired(now) => {}
            Effect::Stale => {
                shard.note_stale(place, seq, now, &self.shared);
                shard.slab[place].stale = true;
            }
            Effect::Gone => {
                let cause = if invalidation.cause == Cause::Removal {
                    Leaving::Removed
                } else {
                    Leaving::Invalidated
                };
                let by = death.is_none().then_some(seq);
                self.take_away(
                    cell,
                    shard,
                    place,
                    Parting { by, ..Parting::new(death.unwrap_or(cause), now) },
                );
            }
        }
        death.is_none()
    }
}
