//! Anti-entropy: replicas compare digests with their owner, and an entry that differs is named and given again.
//!
//! An owner walks its slots in parts, one a tick. Where the digests of a part are equal nothing more is sent. Where they are
//! not, the owner tells those of its entries, and the replica looks its own entries of the same keys up: a key that one of the two alone has
//! was evicted by the other and is no difference. So no step and no message grows with a slot, whichever of the two has more in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearwell_words::{Cause, Effect, Millis, Scope};

use super::Member;
use super::route::{Origin, Work};
use super::write::Home;
use crate::entry::rank_epoch;
use crate::message::{Compared, Differ, Difference, Digests, Message};
use crate::name::Bytes;
use crate::outbox::{Ask, Event, Outbox, To};
use crate::part::Part;
use crate::pieces::{PIECE_BYTES, pieces};
use crate::record::Change;
use crate::request::Ack;
use crate::{Entry, Epoch, Peer, Planted, Position, Slot, Ticket};

/// How many slots and how many entries an owner compares at once.
const SLOTS_MOST: usize = 256;
const KEYS_MOST: usize = 1024;

/// How many entries of the same part a replica looks at: if it has more, the part differs anyway.
const OWN_MOST: usize = 2 * KEYS_MOST;

/// An owner's walk over its slots.
#[derive(Debug, Default)]
pub(super) struct Walk {
    began: Option<Millis>,
    /// Where it goes on: in this slot, behind this key. `None`: it is at its end, or waits for the store.
    next: Option<(Slot, Option<Bytes>)>,
}

/// The digests that the store gave, and where they end when there are more.
pub(super) struct Listed {
    pub digests: Vec<(Bytes, u64)>,
    pub end: Option<(Slot, Bytes)>,
}

impl Walk {
    /// Where to go on at this time, if it is time.
    fn take(&mut self, now: Millis, every_ms: u64) -> Option<(Slot, Option<Bytes>)> {
        if self.next.is_some() {
            return self.next.take();
        }
        if self.began.is_some_and(|at| now.since(at) < every_ms) {
            return None;
        }
        self.began = Some(now);
        Some((Slot(0), None))
    }
}

impl Member {
    /// Asks the store for digests of the next part of what others follow.
    pub(super) fn compare(&mut self, out: &mut Outbox) {
        let every_ms = self.config.digest_ms;
        if every_ms == 0 || !self.tenure.is_leased(self.now) {
            return;
        }
        let Some((first, after)) = self.comparing.take(self.now, every_ms) else { return };
        let followed = |slot: &Slot| self.subscribers.followers(*slot).next().is_some();
        let slots = self.owned.from(first).filter(followed);
        let slots: Vec<Slot> = slots.take(SLOTS_MOST).collect();
        if slots.is_empty() {
            return;
        }
        let after = after.filter(|_| slots[0] == first);
        let part = Part { slots, after, end: None };
        let job = self.jobs.begin(Work::Digest { at: self.log.head(), part: part.clone() });
        out.ask.push((job, Ask::Digest { part, most: KEYS_MOST }));
    }

    /// The store's digests of a part, as of a place of the log: each follower is told of its slots.
    pub(super) fn digested(
        &mut self,
        at: Position,
        part: Part,
        Listed { digests, end }: Listed,
        out: &mut Outbox,
    ) {
        let last = part.slots.last().copied();
        self.comparing.next = match &end {
            Some((slot, key)) => Some((*slot, Some(key.clone()))),
            None => last.and_then(|slot| slot.0.checked_add(1)).map(|slot| (Slot(slot), None)),
        };
        let part = part.until(end);
        let sums = self.sums(&digests);
        for (peer, holder) in self.subscribers.iter() {
            let part = part.narrowed(|slot| holder.follows.is_synced(slot) && self.log.is_quiet(slot, at));
            if part.slots.is_empty() {
                continue;
            }
            let digests = part.slots.iter().map(|slot| (*slot, sums.get(slot).copied().unwrap_or(0)));
            let of = Compared::Slots(part.clone(), digests.collect());
            let message = Digests { subscription: holder.id, at, of };
            out.send.push((To::Peer(peer), Message::Digests(message)));
        }
    }

    /// The store's digests of what a follower found to differ, entry by entry.
    pub(super) fn digested_keys(
        &mut self,
        at: Position,
        to: Peer,
        part: &Part,
        digests: Vec<(Bytes, u64)>,
        out: &mut Outbox,
    ) {
        let Some(subscription) = self.subscribers.get(to).map(|holder| holder.id) else { return };
        let counts = |key: &Bytes| {
            let slot = self.slot(key);
            self.log.is_quiet(slot, at) && part.has_in(slot, key)
        };
        const DIGEST: usize = 12;
        let keys: Vec<(Bytes, u64)> = digests.into_iter().filter(|(key, _)| counts(key)).collect();
        for keys in pieces(keys, PIECE_BYTES, |(key, _)| key.len() + DIGEST) {
            let of = Compared::Keys(keys);
            out.send.push((To::Peer(to), Message::Digests(Digests { subscription, at, of })));
        }
    }

    /// Digests of an owner's entries: this replica computes its own, if it has applied as much. A slot that it does not have whole is
    /// wanted once more.
    pub(super) fn digests(&mut self, from: Peer, mut digests: Digests, out: &mut Outbox) {
        let same =
            self.holder.streams.get(&from).is_some_and(|held| {
                held.subscription == digests.subscription && held.watermark >= digests.at
            });
        let is_done = self.holder.admissions.is_empty();
        if !same || !is_done {
            return;
        }
        let ask = match &mut digests.of {
            Compared::Keys(keys) => Ask::DigestOf { keys: keys.iter().map(|(key, _)| key.clone()).collect() },
            Compared::Slots(part, sums) => {
                let whole = |slot: Slot| self.holder.follows_whole(slot, from).is_some();
                let lacks: Vec<Slot> = part.slots.iter().copied().filter(|slot| !whole(*slot)).collect();
                if !lacks.is_empty() {
                    self.say_differ(from, digests.subscription, Difference::Lacks(lacks), out);
                }
                // Where the owner has nothing, nothing can differ.
                sums.retain(|(slot, sum)| *sum != 0 && whole(*slot));
                *part = part.narrowed(|slot| sums.iter().any(|(other, _)| *other == slot));
                if part.slots.is_empty() {
                    return;
                }
                Ask::Digest { part: part.clone(), most: OWN_MOST }
            }
        };
        let job = self.jobs.begin(Work::Compare { owner: from, digests });
        out.ask.push((job, ask));
    }

    /// This replica's own digests, beside those of the owner.
    pub(super) fn compared(
        &mut self,
        owner: Peer,
        theirs: &Digests,
        Listed { digests: own, end }: Listed,
        out: &mut Outbox,
    ) {
        let early = self.holder.early.get(&owner);
        let since = early.into_iter().flat_map(|early| early.after(theirs.at));
        let changed: BTreeSet<Slot> = since.filter_map(|record| record.slot).collect();
        let counts =
            |slot: Slot| !changed.contains(&slot) && self.holder.follows_whole(slot, owner).is_some();
        let what = match &theirs.of {
            Compared::Slots(part, sums) => {
                let own = self.sums(&own);
                let is_cut = |slot: Slot| end.as_ref().is_some_and(|(last, _)| *last <= slot);
                let differs = |slot: Slot| {
                    let sum = sums.iter().find(|(other, _)| *other == slot);
                    is_cut(slot) || sum.map(|(_, sum)| sum) != own.get(&slot)
                };
                let part = part.narrowed(|slot| counts(slot) && differs(slot));
                (!part.slots.is_empty()).then_some(Difference::Slots(part))
            }
            Compared::Keys(keys) => {
                let own: BTreeMap<Bytes, u64> = own.into_iter().collect();
                let differs = |key: &Bytes, digest: u64| own.get(key).is_some_and(|own| *own != digest);
                let keys =
                    keys.iter().filter(|(key, digest)| counts(self.slot(key)) && differs(key, *digest));
                let keys: Vec<Bytes> = keys.map(|(key, _)| key.clone()).collect();
                (!keys.is_empty()).then_some(Difference::Keys(theirs.at, keys))
            }
        };
        if let Some(what) = what {
            self.say_differ(owner, theirs.subscription, what, out);
        }
    }

    fn say_differ(&self, owner: Peer, subscription: u64, what: Difference, out: &mut Outbox) {
        out.send.push((To::Peer(owner), Message::Differ(Differ { subscription, what })));
    }

    /// What a follower found. It has all records, so it goes on counting.
    pub(super) fn differ(&mut self, from: Peer, differ: Differ, out: &mut Outbox) {
        if self.subscribers.get(from).is_none_or(|holder| holder.id != differ.subscription)
            || !self.tenure.is_leased(self.now)
        {
            return;
        }
        match differ.what {
            Difference::Slots(part) if self.config.has(Planted::DigestChurn) => {
                self.give_again(from, part.slots, out);
            }
            Difference::Lacks(slots) => self.give_again(from, slots, out),
            Difference::Slots(part) => {
                let part = part.narrowed(|slot| self.owned.has(slot) && self.is_synced(from, slot));
                if part.slots.is_empty() {
                    return;
                }
                let job =
                    self.jobs.begin(Work::DigestKeys { at: self.log.head(), to: from, part: part.clone() });
                out.ask.push((job, Ask::Digest { part, most: KEYS_MOST }));
            }
            Difference::Keys(at, keys) => {
                // What was done since, for another follower's word too, was done for this one as well.
                let keys = keys.into_iter().filter(|key| self.log.is_quiet(self.slot(key), at));
                let known = self.holder.last_ticket();
                for key in keys.take(KEYS_MOST).collect::<Vec<Bytes>>() {
                    let job = self.jobs.begin(Work::Mend { at, known, key: key.clone() });
                    out.ask.push((job, Ask::Load { key, validate: false }));
                }
            }
        }
    }

    /// Whole slots are handed over once more.
    fn give_again(&mut self, to: Peer, slots: Vec<Slot>, out: &mut Outbox) {
        for slot in slots {
            if self.is_synced(to, slot) {
                self.transfers.repair(to, slot);
                out.tell.push(Event::Lacked(slot));
            }
        }
    }

    /// A follower has another entry of a key than its owner. A value that only the cache has goes into the log again, as it is: all who
    /// have a copy take it, or drop theirs, in its place among all that is done with the key. A row is taken away: the next read loads it.
    pub(super) fn mend(
        &mut self,
        (at, known): (Position, Ticket),
        key: Bytes,
        entry: Entry,
        out: &mut Outbox,
    ) {
        let slot = self.slot(&key);
        // What is on its way to the source, or changing there, settles it.
        let is_open = self.intents.has(&key) || self.journal.has(&key);
        if is_open
            || !self.owns(self.now, slot)
            || !self.log.is_quiet(slot, at)
            || !self.is_covered(&entry, at, known)
        {
            return;
        }
        if rank_epoch(entry.version) == Epoch(0) {
            // The source knows the row. A value from before would refuse the loads in flight, which may be newer.
            let scope = Arc::new(Scope::Key((*key).into()));
            let change = Change::Invalidate { scope, effect: Effect::Gone, cascade: true };
            self.append(Some(slot), change, None, Cause::Command, 0, out);
        } else {
            let mut as_of = vec![(self.me, self.log.head().next())];
            as_of.extend(self.names_as_of(&entry, |held| Some(held.watermark)));
            self.put_here(Origin::Nobody, entry, as_of, Home::Cluster(Ack::Replicas), out);
        }
        out.tell.push(Event::Differed(key));
    }

    /// The digests of slots.
    fn sums(&self, digests: &[(Bytes, u64)]) -> BTreeMap<Slot, u64> {
        let mut sums = BTreeMap::new();
        for (key, digest) in digests {
            *sums.entry(self.slot(key)).or_default() ^= digest;
        }
        sums
    }
}
