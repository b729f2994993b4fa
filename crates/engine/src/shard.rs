//! One stripe of the entries: table, places, queues, timers and the marks of its keys.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hashbrown::HashTable;
use parking_lot::RwLock;

use crate::codec::Codec;
use crate::departures::Departure;
use crate::eviction::Evictor;
use crate::flight::Flights;
use crate::freshness::{Last, Verdict};
use crate::history::{Made, Parting, ShardHistory};
use crate::marks::KeyMarks;
use crate::names::{enter_all, last_of, leave_all};
use crate::outstanding::Outstanding;
use crate::shared::{EngineShared, Standing};
use crate::slab::Slab;
use crate::slot::{EntryPlace, Extra, NEVER};
pub(crate) use crate::tally::{Leaving, Tally, count};
use crate::wheel::Wheel;
use crate::{Config, Millis, Seq};

/// A shard with its lock, its books and its flights, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct ShardCell {
    pub lock: RwLock<Shard>,
    pub tally: Tally,
    pub flights: Arc<Flights>,
    /// The shard's place among all.
    pub number: usize,
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct Shard {
    pub slab: Slab,
    pub table: HashTable<u32>,
    pub eviction: Evictor,
    pub wheel: Wheel,
    pub marks: KeyMarks,
    /// When keys' entries that left had been taken away by a tag, a dependency or an event.
    pub taken: KeyMarks,
    pub outstanding: Outstanding,
    /// How entries ended that are gone.
    pub history: ShardHistory,
    /// Entries that expire.
    pub timed: usize,
    pub negative: usize,
    /// Stamps given out, and the shard's number, which makes them unique.
    stamps: u64,
    number: u64,
    /// Bytes and entries last told to the engine.
    published: u64,
    published_entries: u64,
}

/// An entry to be stored, its names joined.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub hash: u64,
    pub blob: Box<[u8]>,
    pub key_len: u32,
    pub extra: Option<Box<Extra>>,
    pub expires: u64,
    pub negative: bool,
    /// When what it was made from was invalidated last: a load that began earlier may have seen what was before.
    pub below: Last,
}

impl Incoming {
    pub(crate) fn key(&self) -> &[u8] {
        &self.blob[..self.key_len as usize]
    }

    pub(crate) fn held(&self) -> &[Arc<crate::names::Mark>] {
        self.extra.as_ref().map_or(&[], |extra| &extra.held)
    }
}

impl Shard {
    pub(crate) fn new(number: u64, marks: usize, history_bytes: u64, config: &Config) -> Shard {
        Shard {
            slab: Slab::new(),
            table: HashTable::new(),
            eviction: Evictor::new(config.eviction),
            wheel: Wheel::default(),
            marks: KeyMarks::new(marks),
            taken: KeyMarks::new(marks.div_ceil(4)),
            outstanding: Outstanding::new(marks, config.late_fill_window_ms),
            history: ShardHistory::new(history_bytes),
            timed: 0,
            negative: 0,
            stamps: 0,
            number,
            published: 0,
            published_entries: 0,
        }
    }

    /// The place of a key's entry, whatever that is worth.
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let found = self.table.find(hash, |&place| {
            let slot = &self.slab[place];
            slot.hash == hash && slot.key() == key
        });
        found.copied()
    }

    /// Another stamp; they are never 0 and leave the highest bit free.
    pub(crate) fn stamp(&mut self) -> u64 {
        self.stamps += 1;
        (self.stamps << 6 | self.number) & !crate::view::STALE_STAMP
    }

    /// Puts an entry, whose marks have been entered with `began`, in the place of what stood under its key.
    /// Gives it back when there is no place left.
    pub(crate) fn store(
        &mut self,
        incoming: Incoming,
        began: Seq,
        put: bool,
        now: Millis,
        shared: &EngineShared,
        tally: &Tally,
    ) -> Result<u32, Incoming> {
        let (place, anew) = match self.find(incoming.hash, incoming.key()) {
            Some(place) => (place, self.vacate(place, now, shared, tally)),
            None => match self.slab.take() {
                Some(place) => {
                    self.slab[place].hash = incoming.hash;
                    let slab = &self.slab;
                    self.table.insert_unique(incoming.hash, place, |&place| slab[place].hash);
                    self.slab[place].reset_reads(now);
                    self.eviction.admit(&mut self.slab, place);
                    (place, true)
                }
                None => return Err(incoming),
            },
        };
        if anew {
            self.slab[place].begin(now);
            self.slab[place].made = Made::of(put, incoming.negative);
        }
        self.fill_place(place, incoming, began, put, now);
        Ok(place)
    }

    /// Prepares a place whose entry is to be replaced: lets its marks go, and counts it if it was dead already. Whether it
    /// had ended for its readers, so that what replaces it is another entry.
    fn vacate(&mut self, place: u32, now: Millis, shared: &EngineShared, tally: &Tally) -> bool {
        let death = self.death(place, now, shared);
        if let Some(why) = death {
            tally.left(why);
            self.tell_departure(place, why, shared);
        }
        let ended = death.is_some() || self.slab[place].expired(now);
        if ended {
            self.note_end(place, Parting::new(death.unwrap_or(Leaving::Expired), now), shared);
        } else {
            self.note_replaced(place, now, shared);
        }
        self.remember_for_offers(place);
        self.remember_death(place);
        self.eviction.reweigh(&mut self.slab, place, |slot| leave_marks(slot, shared));
        ended
    }

    /// Counts that an entry's value is replaced.
    fn note_replaced(&mut self, place: u32, now: Millis, shared: &EngineShared) {
        // Most entries name nothing, and only names can have made them stale without their saying so.
        if !self.slab[place].held().is_empty() {
            self.note_stale_names(place, now, shared);
        }
        let slot = &mut self.slab[place];
        slot.writes = slot.writes.saturating_add(1);
    }

    fn fill_place(&mut self, place: u32, incoming: Incoming, began: Seq, put: bool, now: Millis) {
        let stamp = self.stamp();
        let old = &self.slab[place];
        if old.put && !put {
            // This fill began later than that put; others in flight may not have.
            self.marks.raise(old.hash, Last { gone: old.began, stale: Seq(0) });
        }
        let armed = old.deadline();
        let is_new = old.blob.is_empty();
        // The very moment of before is one that was kept.
        let kept_ttl = old.ttl_ms().filter(|_| !is_new && old.expires == incoming.expires);
        self.timed -= usize::from(old.expires != NEVER);
        self.negative -= usize::from(old.negative);
        self.timed += usize::from(incoming.expires != NEVER);
        self.negative += usize::from(incoming.negative);
        self.eviction.reweigh(&mut self.slab, place, |slot| {
            slot.cool((slot.frequency() + u32::from(!is_new)).min(3));
            slot.blob = incoming.blob;
            slot.key_len = incoming.key_len;
            slot.extra = incoming.extra;
            slot.expires = incoming.expires;
            slot.negative = incoming.negative;
            slot.began = began;
            slot.created = now;
            slot.stamp = stamp;
            slot.put = put;
            slot.stale = false;
            if kept_ttl.is_some() {
                slot.note_ttl(kept_ttl);
            }
        });
        if !is_new {
            self.eviction.written(&mut self.slab, place);
        }
        self.arm(place, armed);
    }

    /// Changes when an entry expires.
    pub(crate) fn set_expires(&mut self, place: u32, expires: u64, now: Millis) {
        let stamp = self.stamp();
        let slot = &mut self.slab[place];
        let armed = slot.deadline();
        self.timed -= usize::from(slot.expires != NEVER);
        self.timed += usize::from(expires != NEVER);
        slot.expires = expires;
        slot.stamp = stamp;
        self.eviction.reweigh(&mut self.slab, place, |slot| {
            slot.note_ttl((expires != NEVER).then(|| expires.saturating_sub(now.0)));
        });
        self.arm(place, armed);
    }

    /// Sets the entry's timer to its deadline. A timer that is set already and fires no later stays: when it fires before the
    /// deadline, it is set anew.
    fn arm(&mut self, place: u32, armed: u64) {
        let slot = &self.slab[place];
        let deadline = slot.deadline();
        if deadline >= armed {
            return;
        }
        self.wheel.set((place, slot.generation), deadline);
        if self.wheel.len() > 2 * self.timed + 64 {
            self.rebuild_wheel();
        }
    }

    fn rebuild_wheel(&mut self) {
        self.wheel.clear();
        for (place, slot) in self.slab.iter().filter(|(_, slot)| slot.expires != NEVER) {
            self.wheel.set((place, slot.generation), slot.deadline());
        }
    }

    /// Puts another value into an entry and keeps all else; it is a put of `began`, which its marks were entered with.
    pub(crate) fn set_value(
        &mut self,
        place: u32,
        blob: Box<[u8]>,
        packed: Option<(Codec, usize)>,
        began: Seq,
        now: Millis,
    ) {
        self.slab[place].writes = self.slab[place].writes.saturating_add(1);
        let stamp = self.stamp();
        self.negative -= usize::from(self.slab[place].negative);
        let ttl_ms = self.slab[place].ttl_ms();
        self.eviction.reweigh(&mut self.slab, place, |slot| {
            slot.blob = blob;
            slot.negative = false;
            slot.began = began;
            slot.created = now;
            slot.stamp = stamp;
            slot.put = true;
            slot.stale = false;
            slot.note_ttl(ttl_ms);
            if let Some(extra) = &mut slot.extra {
                extra.packed = packed;
            }
        });
        self.eviction.written(&mut self.slab, place);
    }

    /// Counts an entry out of its marks and in again as of `began`; `false`: something newer covers it.
    pub(crate) fn reenter(&mut self, place: u32, began: Seq) -> bool {
        let slot = &mut self.slab[place];
        let before = slot.began;
        leave_all(slot.held(), before);
        if enter_all(slot.held(), began) {
            slot.began = began;
            return true;
        }
        // Back in, so that what follows finds it as it was.
        enter_all(slot.held(), before);
        false
    }

    /// Why an entry is dead, if it is.
    pub(crate) fn death(&self, place: u32, now: Millis, shared: &EngineShared) -> Option<Leaving> {
        let slot = &self.slab[place];
        if slot.over(now) {
            return Some(Leaving::Expired);
        }
        (shared.standing(slot, now) == Standing::Dead).then_some(Leaving::Invalidated)
    }

    /// Why an entry was dead already before the invalidation `seq`.
    pub(crate) fn death_before(
        &self,
        place: u32,
        now: Millis,
        seq: Seq,
        shared: &EngineShared,
    ) -> Option<Leaving> {
        let slot = &self.slab[place];
        if slot.over(now) {
            return Some(Leaving::Expired);
        }
        (shared.verdict_before(slot, seq) == Verdict::Gone).then_some(Leaving::Invalidated)
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, place: u32, parting: Parting, shared: &EngineShared, tally: &Tally) {
        tally.left(parting.why);
        self.note_end(place, parting, shared);
        self.tell_departure(place, parting.why, shared);
        let hash = self.slab[place].hash;
        if let Ok(found) = self.table.find_entry(hash, |&candidate| candidate == place) {
            found.remove();
        }
        self.eviction.release(&mut self.slab, place);
        self.remember_key(place);
        let slot = &self.slab[place];
        self.timed -= usize::from(slot.expires != NEVER);
        self.negative -= usize::from(slot.negative);
        self.remember_death(place);
        leave_marks(&mut self.slab[place], shared);
        self.slab.release(place);
        if self.slab.len() == 0 && self.slab.end() > 1024 {
            self.give_back();
        }
    }

    /// Tells of a value that leaves by itself.
    fn tell_departure(&self, place: u32, why: Leaving, shared: &EngineShared) {
        let slot = &self.slab[place];
        let departure = match why {
            Leaving::Expired => Departure::Expired,
            Leaving::Evicted => Departure::Evicted,
            Leaving::Invalidated | Leaving::Removed => return,
        };
        shared.departures.tell(slot.key(), slot.negative, departure);
    }

    /// What a leaving entry knew of its key's invalidations goes to the key's mark.
    fn remember_key(&mut self, place: u32) {
        let slot = &self.slab[place];
        if slot.put {
            self.marks.raise(slot.hash, Last { gone: slot.began, stale: Seq(0) });
        }
        self.remember_for_offers(place);
    }

    /// A plain SET under way may be from before the invalidation of a tag that only this entry, which leaves, named.
    fn remember_for_offers(&mut self, place: u32) {
        let slot = &self.slab[place];
        if self.outstanding.total() > 0 && !slot.held().is_empty() {
            let last = last_of(slot.held());
            if last.newest() > slot.began {
                self.marks.raise(slot.hash, last);
            }
        }
    }

    /// Leaves word, where an entry goes that its marks had taken away, for loads in flight of what was made from it: if
    /// nobody depended on its key then, no cascade has reached that.
    fn remember_death(&mut self, place: u32) {
        let slot = &self.slab[place];
        let last = if slot.held().is_empty() { Last::default() } else { last_of(slot.held()) };
        if last.newest() > slot.began {
            self.taken.raise(slot.hash, last);
        }
    }

    /// Gives the memory of an empty shard back.
    fn give_back(&mut self) {
        self.slab = Slab::new();
        self.table = HashTable::new();
        self.wheel.clear();
    }

    /// Bytes taken.
    pub(crate) fn bytes(&self) -> u64 {
        let slots_twice = (self.slab.len() * size_of::<EntryPlace>()) as u64;
        let beside =
            self.marks.memory_bytes() + self.outstanding.memory_bytes() + self.table.allocation_size();
        self.eviction.weight() - slots_twice
            + self.slab.bytes()
            + self.wheel.bytes()
            + self.eviction.bytes()
            + (beside + self.history.memory_bytes()) as u64
    }

    /// Tells the engine what changed since it was told last.
    pub(crate) fn publish(&mut self, shared: &EngineShared) {
        let bytes = self.bytes();
        shared.shard_bytes.fetch_add(bytes.wrapping_sub(self.published), Relaxed);
        self.published = bytes;
        let entries = self.slab.len() as u64;
        if entries != self.published_entries {
            shared.entries.fetch_add(entries.wrapping_sub(self.published_entries), Relaxed);
            self.published_entries = entries;
        }
        shared.publish_priority(self.number as usize, self.eviction.lowest());
    }

    /// One entry that is to leave was counted out already.
    pub(crate) fn claimed(&mut self) {
        self.published_entries = self.published_entries.wrapping_sub(1);
    }

    pub(crate) fn published_entries(&self) -> u64 {
        self.published_entries
    }

    pub(crate) fn published(&self) -> u64 {
        self.published
    }
}

/// Counts an entry out of its marks and gives them back.
fn leave_marks(slot: &mut EntryPlace, shared: &EngineShared) {
    let began = slot.began;
    if let Some(extra) = &mut slot.extra {
        let held = std::mem::take(&mut extra.held);
        leave_all(&held, began);
        shared.names.release(held);
    }
}
