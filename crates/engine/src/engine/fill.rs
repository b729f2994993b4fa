//! Fills: values that were loaded, stored only while nothing that covers them was invalidated since.

use parking_lot::RwLockWriteGuard;

use crate::EventPattern;
use crate::flight::{Ending, Loaded};
use crate::freshness::{Last, may_store};
use crate::history::Parting;
use crate::names::{enter_all, last_of, leave_all};
use crate::shard::{Incoming, Shard, ShardCell, count};
use crate::shared::Standing;
use crate::slot::{EntryPlace, Extra, NEVER, blob, bytes_needed};
use crate::{Draft, Engine, FillLease, Filled, Millis, Outcome, Provenance, Seq, TooLarge};

/// Who brings a value that was read elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bringer {
    /// The node, which loaded it, or was told by a log to keep it.
    Load,
    /// A client.
    Client,
}

impl Engine {
    /// Stores what was loaded since `began`, unless something that covers it was invalidated since.
    pub fn fill(&self, key: &[u8], began: Seq, draft: &Draft<'_>, now: Millis) -> Filled {
        self.fill_by(Bringer::Load, key, began, draft, now)
    }

    /// The same for a value that a client brings, of which the engine is the only home: it gets a place in the order, where values have
    /// one.
    pub fn bring(&self, key: &[u8], began: Seq, draft: &Draft<'_>, now: Millis) -> Filled {
        self.fill_by(Bringer::Client, key, began, draft, now)
    }

    fn fill_by(&self, by: Bringer, key: &[u8], began: Seq, draft: &Draft<'_>, now: Millis) -> Filled {
        let (hash, cell) = self.cell(key);
        let incoming = match self.incoming(key, hash, began, draft) {
            Ok(incoming) => incoming,
            Err(unfit) => return Filled::TooLarge(unfit),
        };
        let mut shard = cell.lock.write();
        let stored = self.store_fill(&mut shard, cell, incoming, began, (draft, by), now);
        self.finish(cell, shard, stored, now);
        if stored.is_some() { Filled::Stored } else { Filled::Refused }
    }

    /// Ends a flight: fills with `draft` (on [`Outcome::Failed`] nothing is stored, `draft` is ignored) and tells
    /// the waiting readers. A reader that asked after what refused the fill is told to ask again.
    pub fn land(&self, lease: FillLease, outcome: Outcome, draft: &Draft<'_>, now: Millis) -> Filled {
        let loaded = Loaded::of(outcome, draft, now);
        if let Outcome::Failed(_) = loaded.outcome {
            lease.end(Ending::Good(loaded));
            return Filled::Refused;
        }
        let filled = self.fill(lease.key(), lease.began(), draft, now);
        lease.end(match filled {
            Filled::Stored => Ending::Good(loaded),
            // Whether something that covers it was invalidated since was not asked.
            Filled::Refused | Filled::TooLarge(_) => Ending::Refused(loaded),
        });
        filled
    }

    /// Makes an entry of a draft and joins its names. Holds no lock. `oldest` is when its load began at the earliest.
    pub(super) fn incoming(
        &self,
        key: &[u8],
        hash: u64,
        oldest: Seq,
        draft: &Draft<'_>,
    ) -> Result<Incoming, TooLarge> {
        let incoming = self.joined(key, hash, oldest, draft)?;
        self.check_chain(incoming, draft)
    }

    /// The same without a look at the chains of dependencies that it makes.
    #[inline]
    pub(super) fn joined(
        &self,
        key: &[u8],
        hash: u64,
        oldest: Seq,
        draft: &Draft<'_>,
    ) -> Result<Incoming, TooLarge> {
        self.check_size(key, draft)?;
        let mut incoming = self.join(key, hash, draft);
        for dependency in draft.dependencies {
            let (hash, cell) = self.cell(dependency);
            let last = self.link_stored(&cell.lock.read(), hash, dependency, oldest);
            incoming.below = incoming.below.and(last);
        }
        Ok(incoming)
    }

    pub(super) fn check_size(&self, key: &[u8], draft: &Draft<'_>) -> Result<(), TooLarge> {
        let needed = bytes_needed(key, draft);
        let allowed = self.shared.config.max_memory / 4;
        if needed > allowed || u32::try_from(key.len()).is_err() {
            return Err(TooLarge::Entry { needed, allowed });
        }
        Ok(())
    }

    pub(super) fn join(&self, key: &[u8], hash: u64, draft: &Draft<'_>) -> Incoming {
        let mut extra = Extra::of(draft);
        if let Some(extra) = &mut extra {
            extra.held = self.shared.names.join_all(draft.tags, draft.dependencies, draft.events);
        }
        Incoming {
            hash,
            blob: blob(key, draft.packed.map(|packed| packed.bytes).or(draft.value)),
            key_len: key.len() as u32,
            extra,
            expires: draft.expires.map_or(NEVER, |expires| expires.0.min(NEVER - 1)),
            negative: draft.value.is_none(),
            below: Last::default(),
        }
    }

    /// Refuses an entry that would depend on itself, or too deeply.
    pub(super) fn check_chain(&self, incoming: Incoming, draft: &Draft<'_>) -> Result<Incoming, TooLarge> {
        if draft.dependencies.is_empty() {
            return Ok(incoming);
        }
        let limit = self.shared.config.dependency_depth;
        match self.shared.names.check_chain(incoming.key(), draft.dependencies, limit) {
            Ok(()) => Ok(incoming),
            Err(unfit) => {
                self.discard(incoming);
                Err(unfit)
            }
        }
    }

    pub(super) fn discard(&self, incoming: Incoming) {
        if let Some(extra) = incoming.extra {
            self.shared.names.release(extra.held);
        }
    }

    /// Tells the graph what the stored entry of `key` lives by, because somebody is about to depend on it and has
    /// joined its name. When that, or the key itself, was invalidated last, as far as that is after `since`: from
    /// now on cascades reach the dependent, but not from before.
    pub(super) fn link_stored(&self, shard: &Shard, hash: u64, key: &[u8], since: Seq) -> Last {
        let slot = shard.find(hash, key).map(|place| &shard.slab[place]);
        let held = slot.map_or(&[][..], EntryPlace::held);
        self.shared.names.link(key, held, &self.shared.counter);
        self.key_last(shard, hash, key, since).and(shard.taken.last(hash)).and(last_of(held))
    }

    /// Stores a fill if it may be stored; its place.
    pub(super) fn store_fill(
        &self,
        shard: &mut Shard,
        cell: &ShardCell,
        mut incoming: Incoming,
        began: Seq,
        (draft, by): (&Draft<'_>, Bringer),
        now: Millis,
    ) -> Option<u32> {
        let names = &self.shared.names;
        if !self.fits(shard, &incoming, began, draft.events, now) {
            return self.refuse(shard, cell, incoming, began, now);
        }
        // The edges stand before the marks are looked at for good: a cascade either follows them or refuses this.
        names.link(incoming.key(), incoming.held(), &self.shared.counter);
        if !enter_all(incoming.held(), began) {
            return self.refuse(shard, cell, incoming, began, now);
        }
        if by == Bringer::Client && !self.give_place(&mut incoming, draft, Provenance::Filled, now) {
            leave_all(incoming.held(), began);
            return self.refuse(shard, cell, incoming, began, now);
        }
        count(&cell.tally.fills);
        self.place(shard, cell, incoming, began, false, now)
    }

    /// Whether a load that began at `began` may be stored. Its marks were joined before, so that an event that is
    /// not found here yet finds them.
    fn fits(
        &self,
        shard: &Shard,
        incoming: &Incoming,
        began: Seq,
        events: &[EventPattern],
        now: Millis,
    ) -> bool {
        let last = self.key_last(shard, incoming.hash, incoming.key(), began);
        if !may_store(began, last.and(incoming.below).and(last_of(incoming.held()))) {
            return false;
        }
        let happened = |event: &_| events.iter().any(|pattern| pattern.matches(event));
        let happened =
            events.is_empty() || may_store(began, self.shared.events.last_covering(began, happened));
        happened && !self.newer_stands(shard, incoming, now)
    }

    fn refuse(
        &self,
        shard: &mut Shard,
        cell: &ShardCell,
        incoming: Incoming,
        began: Seq,
        now: Millis,
    ) -> Option<u32> {
        self.note_refused(shard, &incoming, began, now);
        count(&cell.tally.fills_refused);
        self.discard(incoming);
        None
    }

    /// Whether an entry stands there whose version is newer than this one's.
    fn newer_stands(&self, shard: &Shard, incoming: &Incoming, now: Millis) -> bool {
        let Some(version) = incoming.extra.as_ref().and_then(|extra| extra.version) else { return false };
        let Some(place) = shard.find(incoming.hash, incoming.key()) else { return false };
        let slot = &shard.slab[place];
        slot.version() > Some(version) && self.shared.standing(slot, now) == Standing::Fresh
    }

    /// Stores an entry whose marks were entered.
    pub(super) fn place(
        &self,
        shard: &mut Shard,
        cell: &ShardCell,
        incoming: Incoming,
        began: Seq,
        put: bool,
        now: Millis,
    ) -> Option<u32> {
        match shard.store(incoming, began, put, now, &self.shared, &cell.tally) {
            Ok(place) => Some(place),
            Err(incoming) => {
                crate::names::leave_all(incoming.held(), began);
                self.discard(incoming);
                None
            }
        }
    }

    /// Ends a change of a shard: tells the books, and makes room if there is too little.
    pub(super) fn finish(
        &self,
        cell: &ShardCell,
        mut shard: RwLockWriteGuard<'_, Shard>,
        stored: Option<u32>,
        now: Millis,
    ) {
        shard.publish(&self.shared);
        let Some(place) = stored else { return };
        self.shared.note_write();
        if self.shared.over_full() {
            self.make_room(cell, shard, place, now);
        }
    }

    /// Takes an entry away under a lock held.
    pub(super) fn take_away(&self, cell: &ShardCell, shard: &mut Shard, place: u32, parting: Parting) {
        shard.remove(place, parting, &self.shared, &cell.tally);
    }
}
