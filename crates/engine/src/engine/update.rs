//! Writes: puts, and changes decided under the lock.

use super::relocate::Whole;
use crate::codec::Packed;
use crate::freshness::Last;
use crate::hash::shard_of;
use crate::history::Parting;
use crate::names::{NameKind, enter_all};
use crate::order::Placing;
use crate::shard::{Incoming, Leaving, Shard, ShardCell};
use crate::shared::{EngineShared, Standing};
use crate::slot::{NEVER, blob};
use crate::{Change, Draft, Effect, Engine, Millis, Provenance, Seq, TooLarge, View};

/// How often another shard's lock is tried while one is held.
const TRIES: usize = 64;

impl Engine {
    /// A client's write: stored whatever there was, newer than every load in flight. What depends on the key is
    /// invalidated.
    pub fn put(&self, key: &[u8], draft: &Draft<'_>, now: Millis) -> Result<(), TooLarge> {
        let (hash, cell) = self.cell(key);
        let incoming = self.incoming(key, hash, self.seq(), draft)?;
        let mut shard = cell.lock.write();
        let stored = self.store_put(&mut shard, cell, incoming, draft, now)?;
        self.finish(cell, shard, stored, now);
        Ok(())
    }

    /// Stores a put and invalidates what depends on its key; its place.
    pub(super) fn store_put(
        &self,
        shard: &mut Shard,
        cell: &ShardCell,
        mut incoming: Incoming,
        draft: &Draft<'_>,
        now: Millis,
    ) -> Result<Option<u32>, TooLarge> {
        if !self.give_place(&mut incoming, draft, Provenance::Written, now) {
            self.discard(incoming);
            return Err(TooLarge::Elsewhere);
        }
        let names = &self.shared.names;
        let hash = incoming.hash;
        // The edges stand before the marks are looked at, so that a cascade either follows them or refuses this.
        let seq = enter_newer(&self.shared, |seq| {
            // Who begins to depend on the key after this look waits for the shard, and links what is stored by then.
            if self.cascade_from(incoming.key(), seq, now) {
                names.relink(incoming.key(), incoming.held());
            }
            enter_all(incoming.held(), seq)
        });
        let stored = self.place(shard, cell, incoming, seq, true, now);
        if stored.is_none() {
            shard.marks.raise(hash, Last::at(seq, Effect::Gone));
        }
        Ok(stored)
    }

    /// Gives a value its place in the order and the version of that, where values have places; `false`: it gets none, and is not to be
    /// stored.
    pub(super) fn give_place(
        &self,
        incoming: &mut Incoming,
        draft: &Draft<'_>,
        given: Provenance,
        now: Millis,
    ) -> bool {
        match self.log.put(incoming.key(), draft, given, now) {
            Placing::Unordered => true,
            Placing::At(version) => {
                incoming.extra.get_or_insert_default().version = Some(version);
                true
            }
            Placing::Elsewhere => false,
        }
    }

    /// Invalidates what depends on a key that is being written, and says whether anything does. A key on which nothing depends
    /// needs no place: nothing is taken away.
    fn cascade_from(&self, key: &[u8], seq: Seq, now: Millis) -> bool {
        let is_live = self.shared.names.is_live(key);
        if is_live {
            self.log.dependents(key, now);
            self.cascade_ordered(key, seq, now);
        }
        is_live
    }

    /// The same, when it has its place.
    fn cascade_ordered(&self, key: &[u8], seq: Seq, now: Millis) {
        let shared = &self.shared;
        if shared.names.is_live(key) {
            shared.ledger.dependents(seq, key, now);
            shared.names.cascade(&[(NameKind::Dependency, key)], seq, Effect::Gone, &shared.counter);
            self.note_unswept(seq);
        }
    }

    /// Reads, decides and changes one key in one step; no other command comes between. `decide` sees what a reader
    /// would see, and does not call the engine; a negative entry is shown as none.
    pub fn update<'d, R>(
        &self,
        key: &[u8],
        now: Millis,
        decide: impl FnOnce(Option<&View<'_>>) -> (Change<'d>, R),
    ) -> Result<R, TooLarge> {
        let (hash, cell) = self.cell(key);
        let mut shard = cell.lock.write();
        let seen = shard.find(hash, key).filter(|&place| {
            let slot = &shard.slab[place];
            !slot.negative && self.shared.standing(slot, now) >= Standing::Stale
        });
        let stale =
            seen.is_some_and(|place| self.shared.standing(&shard.slab[place], now) == Standing::Stale);
        let (change, answer) = decide(seen.map(|place| View::new(&shard.slab[place], stale)).as_ref());
        let stored = self.change(cell, &mut shard, key, seen, change, now)?;
        self.finish(cell, shard, stored, now);
        Ok(answer)
    }

    /// Carries a change out; the place of what was stored.
    fn change(
        &self,
        cell: &ShardCell,
        shard: &mut Shard,
        key: &[u8],
        seen: Option<u32>,
        change: Change<'_>,
        now: Millis,
    ) -> Result<Option<u32>, TooLarge> {
        match (change, seen) {
            (Change::Keep, _) | (Change::Expires(_), None) => Ok(None),
            (Change::Expires(expires), Some(place)) => {
                self.log.touch(&View::new(&shard.slab[place], false), expires, now)?;
                shard.set_expires(place, expires.map_or(NEVER, |at| at.0.min(NEVER - 1)), now);
                shard.publish(&self.shared);
                Ok(None)
            }
            (Change::Remove, _) => {
                self.remove_key(cell, shard, key, now);
                Ok(None)
            }
            (Change::Put(draft), _) => self.put_held(cell, shard, key, &draft, now, None),
            (Change::Value(value), None) => {
                let draft = Draft { value: Some(&value), ..Draft::default() };
                self.put_held(cell, shard, key, &draft, now, None)
            }
            (Change::Value(value), Some(place)) if self.log.has_values() => {
                let whole = Whole::of(&shard.slab[place]);
                let packed =
                    shard.slab[place].packed().and_then(|(codec, _)| Some((codec, codec.pack(&value)?)));
                whole.lend(|draft| {
                    let packed = packed.as_ref().map(|(codec, bytes)| Packed { codec: *codec, bytes });
                    let draft = Draft { value: Some(&value), packed, ..draft.clone() };
                    self.put_held(cell, shard, key, &draft, now, None)
                })
            }
            (Change::Value(value), Some(place)) => {
                self.check_size(key, &Draft { value: Some(&value), ..Draft::default() })?;
                shard.note_stale_names(place, now, &self.shared);
                let seq = enter_newer(&self.shared, |seq| {
                    self.cascade_from(key, seq, now);
                    shard.reenter(place, seq)
                });
                // As the entry was kept before.
                let codec = shard.slab[place].packed().map(|(codec, _)| codec);
                let packed = codec.and_then(|codec| Some((codec, codec.pack(&value)?)));
                let kept = packed.as_ref().map_or(&value, |(_, packed)| packed);
                let packing = packed.as_ref().map(|&(codec, _)| (codec, value.len()));
                shard.set_value(place, blob(key, Some(kept)), packing, seq, now);
                Ok(Some(place))
            }
        }
    }

    /// A client's removal, which every load in flight is older than.
    pub(super) fn remove_key(&self, cell: &ShardCell, shard: &mut Shard, key: &[u8], now: Millis) {
        let hash = self.shared.hasher.hash(key);
        self.log.removal(key, now);
        let seq = self.shared.counter.next();
        if let Some(place) = shard.find(hash, key) {
            self.take_away(cell, shard, place, Parting::new(Leaving::Removed, now));
        }
        shard.marks.raise(hash, Last::at(seq, Effect::Gone));
        self.cascade_ordered(key, seq, now);
    }

    /// A put while the key's shard is held, and perhaps another one beside it.
    pub(super) fn put_held(
        &self,
        cell: &ShardCell,
        shard: &mut Shard,
        key: &[u8],
        draft: &Draft<'_>,
        now: Millis,
        beside: Option<(&ShardCell, &Shard)>,
    ) -> Result<Option<u32>, TooLarge> {
        self.check_size(key, draft)?;
        let incoming = self.join(key, self.shared.hasher.hash(key), draft);
        let linked =
            draft.dependencies.iter().all(|dependency| self.link_beside(cell, shard, beside, dependency));
        let incoming = self.check_chain(incoming, draft)?;
        let stored = self.store_put(shard, cell, incoming, draft, now)?;
        match stored {
            Some(place) if !linked => {
                // What its dependencies live by is not known, so it may not stay.
                self.take_away(cell, shard, place, Parting::new(Leaving::Evicted, now));
                Ok(None)
            }
            stored => Ok(stored),
        }
    }

    /// [`Engine::link_stored`] while a shard is held. Another one's lock is only tried, or two such writes could wait for
    /// each other for ever; `false`: it was not to be had.
    fn link_beside(
        &self,
        held: &ShardCell,
        shard: &Shard,
        beside: Option<(&ShardCell, &Shard)>,
        dependency: &[u8],
    ) -> bool {
        let hash = self.shared.hasher.hash(dependency);
        let cell = &self.cells[shard_of(hash, self.cells.len() - 1)];
        if std::ptr::eq(cell, held) {
            self.link_stored(shard, hash, dependency, self.seq());
            return true;
        }
        if let Some(shard) = self.held_beside(hash, beside) {
            self.link_stored(shard, hash, dependency, self.seq());
            return true;
        }
        let other = (0..TRIES).find_map(|_| {
            let other = cell.lock.try_read();
            if other.is_none() {
                std::thread::yield_now();
            }
            other
        });
        other.is_some_and(|other| {
            self.link_stored(&other, hash, dependency, self.seq());
            true
        })
    }
}

/// Takes counts until nothing newer covers what is entered; mostly the first will do.
pub(super) fn enter_newer(shared: &EngineShared, mut enter: impl FnMut(Seq) -> bool) -> Seq {
    loop {
        let seq = shared.counter.next();
        if enter(seq) {
            return seq;
        }
    }
}
