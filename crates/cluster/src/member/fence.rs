//! Statements of former owners, and those whose fate nobody knows: the source is told to refuse them.

use std::collections::BTreeMap;

use clearwell_words::Cause;

use super::Member;
use super::route::Work;
use super::takeover::Owned;
use crate::outbox::{Ask, Outbox};
use crate::record::Change;
use crate::{Epoch, Slot};

impl Member {
    /// Asks the sources to refuse former owners' statements where some may be under way.
    pub(super) fn fence(&mut self, out: &mut Outbox) {
        if !self.unfenced {
            return;
        }
        self.unfenced = self.owned.values().any(|owned| !owned.fenced);
        let open = |owned: &Owned| owned.began && !owned.fenced && !owned.fencing;
        let slots: Vec<Slot> = self.owned.iter().filter(|(_, o)| open(o)).map(|(&slot, _)| slot).collect();
        if slots.is_empty() || self.now >= self.lease.until() {
            return;
        }
        let mut groups: BTreeMap<Epoch, Vec<Slot>> = BTreeMap::new();
        for slot in slots {
            let number = self.fence_number(slot);
            self.owned.get_mut(&slot).expect("listed from it above").fencing = true;
            groups.entry(number).or_default().push(slot);
        }
        for (epoch, slots) in groups {
            let job = self.jobs.begin(Work::Fence(slots.clone(), epoch));
            out.ask.push((job, Ask::Fence { slots, epoch }));
        }
    }

    /// What statements for a slot's keys bear, and what its fences refuse below: the view in which this member got the slot,
    /// and how often a statement's fate was unclear since.
    pub(super) fn fence_number(&self, slot: Slot) -> Epoch {
        const UNCLEAR_BITS: u32 = 24;
        let owned = self.owned.get(&slot);
        owned.map_or(Epoch(0), |owned| Epoch((owned.gained.0 << UNCLEAR_BITS) + owned.unclear))
    }

    /// Nobody knows what became of a statement for this slot: until it is fenced nothing more is known of its key.
    pub(super) fn unclear(&mut self, slot: Slot) {
        if let Some(owned) = self.owned.get_mut(&slot) {
            owned.unclear += 1;
            owned.fenced = false;
            self.unfenced = true;
        }
    }

    pub(super) fn fenced(&mut self, slots: Vec<Slot>, number: Epoch, done: bool, out: &mut Outbox) {
        let mut sure = Vec::new();
        for slot in slots {
            let current = self.fence_number(slot) == number;
            if let Some(owned) = self.owned.get_mut(&slot) {
                owned.fencing = false;
                owned.fenced |= done && current;
                if done && current {
                    sure.push(slot);
                }
            }
        }
        let count = self.config.slots;
        let slot_of = |key: &crate::Bytes| crate::slot::slot_of(key, count);
        for key in self.journal.fenced(|key| sure.contains(&slot_of(key))) {
            self.has_word_of(&key);
        }
        for (key, intent) in self.intents.close_fenced(self.me, |key| sure.contains(&slot_of(key))) {
            let slot = Some(slot_of(&key));
            self.append(slot, Change::Settle { key, intent }, None, Cause::Write, 0, out);
        }
    }
}
