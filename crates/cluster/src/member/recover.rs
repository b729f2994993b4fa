//! Writes that the source does not have yet, as slots come and go: what a disk gave back, and what is others' business.

use std::collections::BTreeSet;

use super::Member;
use super::journal::Unflushed;
use crate::entry::rank_epoch;
use crate::outbox::{Outbox, Persist};
use crate::part::Part;
use crate::view::View;
use crate::{Entry, Epoch, Peer, Position, Slot};

impl Member {
    /// Follows a view after one of `before`: what this member neither owns nor follows is given up, and so is what lies from
    /// before a slot began empty.
    pub(super) fn keep_what_counts(&mut self, view: &View, before: Epoch, out: &mut Outbox) {
        let me = self.me;
        let mut gone = BTreeSet::new();
        let follows = |slot: Slot| view.emptied(slot) <= before && view.concerns(slot, me);
        let slot_of = |key: &crate::Bytes| crate::slot::slot_of(key, view.slots);
        self.journal.retain(|key, _| {
            let slot = slot_of(key);
            let counts = follows(slot);
            if !counts {
                gone.insert(slot);
            }
            counts
        });
        self.intents.retain(|key, _| follows(slot_of(key)));
        self.shown.retain(follows);
        self.edges.retain(|key| follows(slot_of(key)));
        // A disk counts as long as its node may have to go on with the slot: then nobody else has.
        self.recovered.retain(|entry| {
            let slot = slot_of(&entry.key);
            let counts = rank_epoch(entry.version) >= view.emptied(slot)
                && view.may_go_on(slot, |peer| peer.node == me.node);
            if !counts {
                gone.insert(slot);
            }
            counts
        });
        if !gone.is_empty() {
            let slots = gone.into_iter().collect();
            out.persist.push(Persist::Slots { slots, journal: Vec::new() });
        }
    }

    /// What the disk gave back of slots that begin here goes into the journal again.
    pub(super) fn recover(&mut self) {
        let mut later = Vec::new();
        for entry in std::mem::take(&mut self.recovered) {
            let slot = self.slot(&entry.key);
            let Some(owned) = self.owned.get(&slot).filter(|owned| owned.began) else {
                later.push(entry);
                continue;
            };
            if owned.inherited.is_none() && !self.journal.contains_key(&entry.key) {
                let old = Peer { incarnation: 0, ..self.me };
                let unflushed = Unflushed::new(entry, (old, Position(0)));
                self.journal.insert(unflushed.entry.key.clone(), unflushed);
            }
        }
        self.recovered = later;
    }

    /// An owner handed a part of slots over with this journal: it takes the place of whatever was there.
    pub(super) fn take_journal(&mut self, from: (Peer, Position), part: &Part, journal: Vec<Entry>) {
        let count = self.config.slots;
        let within = |key: &crate::Bytes| part.has(key, count);
        self.journal.retain(|key, _| !within(key));
        self.recovered.retain(|entry| !within(&entry.key));
        for entry in journal {
            let entry = self.received(from.0, &entry);
            self.journal.insert(entry.key.clone(), Unflushed::new(entry, from));
        }
    }

    /// The disk's journal of these slots becomes what the memory's is: in one piece, since some of it may be acknowledged.
    pub(super) fn persist_journal(&self, slots: Vec<Slot>, out: &mut Outbox) {
        let within = |key: &crate::Bytes| slots.binary_search(&self.slot(key)).is_ok();
        let journal = self.journal.iter().filter(|(key, _)| within(key));
        let journal = journal.map(|(_, unflushed)| unflushed.entry.clone()).collect();
        out.persist.push(Persist::Slots { slots, journal });
    }
}
