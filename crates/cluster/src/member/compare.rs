//! Anti-entropy: replicas compare digests of slots with their owner, and a slot that differs is named and given again.

use std::collections::BTreeSet;

use super::Member;
use super::route::Work;
use crate::message::{Differ, Digests, Message};
use crate::outbox::{Ask, Event, Outbox, To};
use crate::{Peer, Position, Slot};

impl Member {
    /// From time to time asks the store for digests of what others follow.
    pub(super) fn compare(&mut self, out: &mut Outbox) {
        let every = self.config.digest_ms;
        if every == 0 || self.digested.is_some_and(|at| self.now.since(at) < every) {
            return;
        }
        self.digested = Some(self.now);
        let owns = self.now < self.lease.until();
        let followed = |slot: &Slot| self.subscribers.followers(*slot).next().is_some();
        let slots: Vec<Slot> = self.owned.keys().copied().filter(|slot| owns && followed(slot)).collect();
        if !slots.is_empty() {
            let at = self.head;
            let job = self.job(Work::Digest { at });
            out.ask.push((job, Ask::Digest { slots }));
        }
    }

    pub(super) fn digested(&mut self, at: Position, digests: &[(Slot, u64)], out: &mut Outbox) {
        for (peer, holder) in self.subscribers.iter() {
            let quiet = |slot: &Slot| self.last_in_slot.get(slot).is_none_or(|last| *last <= at);
            let followed = |slot: &Slot| holder.follows.is_synced(*slot);
            let digests: Vec<(Slot, u64)> =
                digests.iter().filter(|(slot, _)| followed(slot) && quiet(slot)).copied().collect();
            if !digests.is_empty() {
                let message = Digests { subscription: holder.id, at, digests };
                out.send.push((To::Peer(peer), Message::Digests(message)));
            }
        }
    }

    /// Digests of an owner's slots: this replica computes its own, if it has applied as much. What it does not have whole
    /// differs.
    pub(super) fn digests(&mut self, from: Peer, digests: Digests, out: &mut Outbox) {
        let same =
            self.holder.streams.get(&from).is_some_and(|held| {
                held.subscription == digests.subscription && held.watermark >= digests.at
            });
        let whole = self.holder.admissions.is_empty();
        if !same || !whole {
            return;
        }
        let slots = digests.digests.iter().map(|(slot, _)| *slot);
        let (slots, missing): (Vec<Slot>, Vec<Slot>) =
            slots.partition(|slot| self.holder.follows_whole(*slot, from).is_some());
        if !missing.is_empty() {
            let differ = Differ { subscription: digests.subscription, slots: missing };
            out.send.push((To::Peer(from), Message::Differ(differ)));
        }
        if !slots.is_empty() {
            let job = self.job(Work::Compare { owner: from, digests });
            out.ask.push((job, Ask::Digest { slots }));
        }
    }

    pub(super) fn compared(&mut self, owner: Peer, theirs: &Digests, own: &[(Slot, u64)], out: &mut Outbox) {
        let early = self.holder.early.get(&owner);
        let since = early.into_iter().flat_map(|early| early.after(theirs.at));
        let changed: BTreeSet<Slot> = since.filter_map(|record| record.slot).collect();
        let follows =
            |slot: &Slot| !changed.contains(slot) && self.holder.follows_whole(*slot, owner).is_some();
        let differing = theirs
            .digests
            .iter()
            .filter(|(slot, digest)| follows(slot) && own.iter().any(|(s, d)| s == slot && d != digest));
        let slots: Vec<Slot> = differing.map(|(slot, _)| *slot).collect();
        if !slots.is_empty() {
            let differ = Differ { subscription: theirs.subscription, slots };
            out.send.push((To::Peer(owner), Message::Differ(differ)));
        }
    }

    pub(super) fn differ(&mut self, from: Peer, differ: &Differ, out: &mut Outbox) {
        for slot in &differ.slots {
            if self.is_synced(from, *slot) {
                // It has all records, so it goes on counting; what it holds is given once more.
                self.transfers.repair(from, *slot);
                out.tell.push(Event::Differed(*slot));
            }
        }
    }
}
