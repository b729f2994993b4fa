//! The slots that a holder follows.

use std::collections::BTreeMap;

use crate::{Peer, Position, Slot};

/// A slot that this holder follows.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Whom it follows.
    pub owner: Peer,
    /// The place of the owner's log as of which the slot was handed over.
    pub base: Position,
    /// The owner did not remember marks up to here.
    pub floor: Position,
    /// Nothing is missing. What is not whole is never served, but it has all that was acknowledged, so this process can go
    /// on with it as the slot's owner.
    pub whole: bool,
}

/// All of them, and how many are each owner's.
#[derive(Debug, Default)]
pub struct Follows {
    slots: BTreeMap<Slot, Followed>,
    owners: BTreeMap<Peer, usize>,
}

impl Follows {
    /// A slot, if it is followed.
    pub fn get(&self, slot: Slot) -> Option<&Followed> {
        self.slots.get(&slot)
    }

    /// Whether a slot is followed.
    pub fn contains(&self, slot: Slot) -> bool {
        self.slots.contains_key(&slot)
    }

    /// Whether any slot of an owner is followed.
    pub fn is_needed(&self, owner: Peer) -> bool {
        self.owners.contains_key(&owner)
    }

    /// Follows a slot, from now on in this way.
    pub fn insert(&mut self, slot: Slot, followed: Followed) {
        self.remove(slot);
        *self.owners.entry(followed.owner).or_default() += 1;
        self.slots.insert(slot, followed);
    }

    /// Follows a slot no more.
    pub fn remove(&mut self, slot: Slot) {
        let Some(followed) = self.slots.remove(&slot) else { return };
        if let Some(count) = self.owners.get_mut(&followed.owner) {
            *count -= 1;
            if *count == 0 {
                self.owners.remove(&followed.owner);
            }
        }
    }

    /// Of these slots something is missing from now on. Returns them.
    pub fn interrupt(&mut self, which: impl Fn(Slot, &Followed) -> bool) -> Vec<Slot> {
        let mut interrupted = Vec::new();
        for (&slot, followed) in &mut self.slots {
            if which(slot, followed) {
                followed.whole = false;
                interrupted.push(slot);
            }
        }
        interrupted
    }
}
