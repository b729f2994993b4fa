//! Writes that the source does not have yet and invalidations that are held, as slots come and go: what a disk gave back, and what is others'
//! business.

use std::collections::{BTreeMap, BTreeSet};

use super::Member;
use clearwell_words::{Millis, Version};

use crate::entry::rank_epoch;
use crate::hold::Hold;
use crate::outbox::{Outbox, Persist};
use crate::part::Part;
use crate::view::View;
use crate::{Bytes, Entry, Epoch, Peer, Planted, Position, Slot};

/// What a disk gave back of slots that have not begun here.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    journal: BTreeMap<Bytes, Entry>,
    /// Their time is counted anew: nobody knows for how long they lay there, and too late is better than too early.
    holds: BTreeMap<(Slot, u64), Hold>,
}

impl Recovered {
    /// As the disk gave it back.
    pub fn new(
        mut journal: BTreeMap<Bytes, Entry>,
        holds: BTreeMap<(Slot, u64), Hold>,
        now: Millis,
    ) -> Recovered {
        journal.values_mut().for_each(|entry| entry.is_restored(now));
        Recovered { journal, holds }
    }

    /// The keys of all values.
    pub fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.journal.keys()
    }

    /// The source has a key's values up to this version.
    pub fn flushed(&mut self, key: &Bytes, up_to: Version) {
        if self.journal.get(key).is_some_and(|entry| entry.version <= up_to) {
            self.journal.remove(key);
        }
    }

    fn holds_of(&self, slot: Slot) -> impl Iterator<Item = Hold> + '_ {
        self.holds.range((slot, 0)..=(slot, u64::MAX)).map(|(_, hold)| hold.clone())
    }
}

impl Member {
    /// Follows a view after one of `before`: what this member neither owns nor follows is given up, and so is what lies from
    /// before a slot began empty.
    pub(super) fn keep_what_counts(&mut self, view: &View, before: Epoch, out: &mut Outbox) {
        let me = self.me;
        let mut gone = BTreeSet::new();
        let follows = |slot: Slot| view.emptied(slot) <= before && view.concerns(slot, me);
        let slot_of = |key: &Bytes| crate::slot::slot_of(key, view.slots);
        gone.extend(self.holds.retain(follows));
        self.journal.retain(|key| {
            let slot = slot_of(key);
            let counts = follows(slot);
            if !counts {
                gone.insert(slot);
            }
            counts
        });
        self.intents.retain(|key| follows(slot_of(key)));
        self.shown.retain(follows);
        self.edges.retain(|key| follows(slot_of(key)));
        // A disk counts as long as its node may have to go on with the slot: then nobody else has. An heir's process may have become one of the
        // slot's holders in a view that is not known here.
        let is_mine = |peer: Peer| peer.node == me.node;
        let may_go_on = |slot: Slot| view.may_go_on(slot, is_mine) || view.next.row(slot).any(is_mine);
        self.recovered.journal.retain(|key, entry| {
            let slot = slot_of(key);
            let counts = rank_epoch(entry.version) >= view.emptied(slot) && may_go_on(slot);
            if !counts {
                gone.insert(slot);
            }
            counts
        });
        // The first view that is followed is the one that the disk was written in.
        let was_there = |slot: Slot| before == Epoch(0) || view.emptied(slot) <= before;
        self.recovered.holds.retain(|&(slot, _), _| {
            let counts = was_there(slot) && may_go_on(slot);
            if !counts {
                gone.insert(slot);
            }
            counts
        });
        if !gone.is_empty() {
            self.persist_slots(gone.into_iter().collect(), out);
        }
    }

    /// What the disk gave back of slots that begin here counts from now on. What others have handed over since took its place when it came.
    pub(super) fn recover(&mut self) {
        let mut later = Recovered::default();
        let Recovered { journal, holds } = std::mem::take(&mut self.recovered);
        for (key, entry) in journal {
            if !self.owned.has_begun(self.slot(&key)) {
                later.journal.insert(key, entry);
            } else if !self.journal.has(&key) {
                let old = Peer { incarnation: 0, ..self.me };
                self.journal.take_over(entry, (old, Position(0)));
            }
        }
        for ((slot, id), hold) in holds {
            match self.owned.has_begun(slot) {
                false => {
                    later.holds.insert((slot, id), hold);
                }
                true => self.holds.insert(self.now, slot, hold),
            }
        }
        self.recovered = later;
    }

    /// An owner handed a part of slots over with this journal: it takes the place of whatever was there.
    pub(super) fn take_journal(&mut self, from: (Peer, Position), part: &Part, journal: Vec<Entry>) {
        let count = self.config.slots;
        let within = |key: &Bytes| part.has(key, count);
        self.journal.retain(|key| !within(key));
        self.recovered.journal.retain(|key, _| !within(key));
        for entry in journal {
            let entry = self.received(from.0, &entry);
            self.journal.take_over(entry, from);
        }
    }

    /// The same for what it holds in the slots that begin in the part.
    pub(super) fn take_holds(&mut self, part: &Part, holds: Vec<Hold>) {
        let begins = |slot: Slot| part.slots.binary_search(&slot).is_ok() && part.begins(slot);
        self.holds.retain(|slot| !begins(slot));
        self.recovered.holds.retain(|&(slot, _), _| !begins(slot));
        for hold in holds.into_iter().filter(|_| !self.config.has(Planted::HoldLost)) {
            self.holds.insert(self.now, hold.slot(self.config.slots), hold);
        }
    }

    /// What the disk has of these slots becomes what the memory has, and what the disk gave back and nothing took the place of yet: in one
    /// piece, since some of it may be acknowledged.
    pub(super) fn persist_slots(&self, slots: Vec<Slot>, out: &mut Outbox) {
        let within = |key: &Bytes| slots.binary_search(&self.slot(key)).is_ok();
        let back = self.recovered.journal.iter().filter(|(key, _)| !self.journal.has(key));
        let unflushed = self.journal.entries().chain(back);
        let journal = unflushed.filter(|(key, _)| within(key)).map(|(_, entry)| entry.clone()).collect();
        let holds_of = |slot: &Slot| self.holds.of(self.now, *slot).chain(self.recovered.holds_of(*slot));
        let holds = slots.iter().flat_map(holds_of).collect();
        out.persist.push(Persist::Slots { slots, journal, holds });
    }
}
