//! Statements of former owners, and those whose fate nobody knows: the source is told to refuse them, where its feed does not tell of them anyway.

use std::collections::BTreeMap;

use clearwell_words::Cause;

use super::Member;
use super::route::Work;
use crate::intents::Intent;
use crate::outbox::{Ask, Outbox};
use crate::record::Change;
use crate::{Bytes, Epoch, Slot};

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
        let closed = self.intents.close_former(self.me, |key| sure.contains(&slot_of(key)));
        self.settle_former(closed, out);
    }

    /// This member begins with slots (sorted): writes of former owners that need no fence keep nobody waiting.
    pub(super) fn settle_told(&mut self, slots: &[Slot], out: &mut Outbox) {
        let config = &self.config;
        let is_told = |key: &Bytes| {
            !config.needs_fence(key) && slots.binary_search(&crate::slot::slot_of(key, config.slots)).is_ok()
        };
        let closed = self.intents.close_former(self.me, is_told);
        self.settle_former(closed, out);
    }

    fn settle_former(&mut self, closed: Vec<(Bytes, Intent)>, out: &mut Outbox) {
        for (key, intent) in closed {
            let slot = Some(self.slot(&key));
            self.append(slot, Change::Settle { key, intent }, None, Cause::Write, 0, out);
        }
    }
}
