//! The slots that a holder follows.

use std::collections::BTreeMap;

use crate::part::Part;
use crate::{Bytes, Peer, Position, Slot, Ticket};

/// A slot that this holder follows.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Whom it follows.
    pub owner: Peer,
    /// The place of the owner's log as of which the slot was handed over.
    pub base: Position,
    /// The owner did not remember marks up to here.
    pub floor: Position,
    /// Contents up to this key have come, in parts that follow one another, and all records since the first.
    pub arriving: Option<Bytes>,
    /// The last part that was taken.
    pub ticket: Ticket,
    /// Nothing is missing. What is not whole is never served, but it has all that was acknowledged, so this process can go
    /// on with it as the slot's owner.
    pub whole: bool,
}

impl Followed {
    /// One whose contents have not come.
    pub fn begun(owner: Peer, base: Position) -> Followed {
        Followed { owner, base, floor: base, arriving: None, ticket: Ticket(0), whole: false }
    }

    /// Whether all records since `base` have come, so that it is known what is old.
    pub fn counts(&self) -> bool {
        self.whole || self.arriving.is_some()
    }
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

    /// Whether a part can be taken: what comes before it in its first slot has come.
    pub fn goes_on(&self, owner: Peer, part: &Part) -> bool {
        let (Some(after), Some(first)) = (&part.after, part.slots.first()) else { return true };
        self.get(*first).is_some_and(|followed| {
            followed.owner == owner && (followed.whole || followed.arriving.as_ref() >= Some(after))
        })
    }

    /// Whether a part was taken before, or a later one.
    pub fn has_taken(&self, owner: Peer, part: &Part, ticket: Ticket) -> bool {
        let taken = |f: &Followed| f.owner == owner && f.counts() && f.ticket >= ticket;
        part.slots.iter().all(|slot| self.get(*slot).is_some_and(taken))
    }

    /// A part has come, of this place of the owner's log. `goes_on` says that more of the message that brought it is to be taken: its last
    /// slot has not taken the message yet.
    pub fn take(&mut self, owner: Peer, part: &Part, base: Position, ticket: Ticket, goes_on: bool) {
        for &slot in &part.slots {
            let old = self.get(slot).filter(|followed| followed.owner == owner);
            let stays = |followed: &&Followed| followed.whole || (followed.counts() && !part.begins(slot));
            let mut followed = old.filter(stays).cloned().unwrap_or(Followed::begun(owner, base));
            if !goes_on || part.ends(slot) {
                followed.ticket = ticket;
            }
            if part.ends(slot) {
                (followed.whole, followed.arriving) = (true, None);
            } else if !followed.whole {
                followed.arriving = followed.arriving.max(part.end.clone());
            }
            self.insert(slot, followed);
        }
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
                (followed.whole, followed.arriving) = (false, None);
                interrupted.push(slot);
            }
        }
        interrupted
    }
}
