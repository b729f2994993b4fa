//! The slots that one holder is to follow, and whether it has what they contained.

use std::collections::BTreeSet;

use crate::Slot;
use crate::slot_set::SlotSet;

/// Slots that a holder follows.
#[derive(Debug, Default)]
pub struct Following {
    synced: SlotSet,
    missing: BTreeSet<Slot>,
}

impl Following {
    /// Whether it follows none.
    pub fn is_empty(&self) -> bool {
        self.synced.is_empty() && self.missing.is_empty()
    }

    /// Whether it has all of a slot.
    pub fn is_synced(&self, slot: Slot) -> bool {
        self.synced.contains(slot)
    }

    /// Whether it is to be given a slot.
    pub fn is_missing(&self, slot: Slot) -> bool {
        self.missing.contains(&slot)
    }

    /// The slots that it does not have yet.
    pub fn missing(&self) -> impl Iterator<Item = Slot> + '_ {
        self.missing.iter().copied()
    }

    /// How many these are.
    pub fn count_missing(&self) -> usize {
        self.missing.len()
    }

    /// It is to follow a slot.
    pub fn add(&mut self, slot: Slot) {
        if !self.synced.contains(slot) {
            self.missing.insert(slot);
        }
    }

    /// It follows a slot no more.
    pub fn remove(&mut self, slot: Slot) {
        self.synced.remove(slot);
        self.missing.remove(&slot);
    }

    /// It has all of a slot. False when it is not to follow it.
    pub fn sync(&mut self, slot: Slot) -> bool {
        let follows = self.missing.remove(&slot) || self.synced.contains(slot);
        if follows {
            self.synced.insert(slot);
        }
        follows
    }

    /// What it has is not whole any more.
    pub fn lose_all(&mut self) {
        self.missing.extend(std::mem::take(&mut self.synced).iter());
    }
}
