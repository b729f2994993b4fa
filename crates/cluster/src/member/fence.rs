//! Statements of former owners, and those whose fate nobody knows: the source is told to refuse them.

use std::collections::BTreeMap;

use clearwell_words::Cause;

use super::Member;
use super::route::Work;
use crate::outbox::{Ask, Outbox};
use crate::record::Change;
use crate::{Epoch, Slot};

impl Member {
    /// Asks the sources to refuse former owners' statements where some may be under way.
    pub(super) fn fence(&mut self, out: &mut Outbox) {
        let slots = self.owned.unfenced();
        if slots.is_empty() || !self.tenure.is_leased(self.now) {
            return;
        }
        let mut groups: BTreeMap<Epoch, Vec<Slot>> = BTreeMap::new();
        for slot in slots {
            groups.entry(self.owned.fencing(slot)).or_default().push(slot);
        }
        for (epoch, slots) in groups {
            let job = self.jobs.begin(Work::Fence(slots.clone(), epoch));
            out.ask.push((job, Ask::Fence { slots, epoch }));
        }
    }

    pub(super) fn fenced(&mut self, slots: Vec<Slot>, number: Epoch, done: bool, out: &mut Outbox) {
        let sure: Vec<Slot> =
            slots.into_iter().filter(|slot| self.owned.fenced(*slot, number, done)).collect();
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
