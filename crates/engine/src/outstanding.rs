//! Outstanding misses of plain clients: which SET may be the late fill of a miss from before an invalidation.
//!
//! A pool sends the SET that follows a miss on any of its connections, so nothing says which miss a SET answers. But
//! misses can be counted. Each SET answers one miss at most; when as many misses are unresolved at an invalidation
//! as `doubtful` says, then at most that many SETs after it can carry what was read before it. So a SET is trusted
//! when no unresolved miss is that old, or when more SETs than `doubtful` have carried the same value: one of them,
//! at least, read it after the invalidation.
//!
//! A connection that emptied the cache itself orders its own commands: its SETs are writes until the key is invalidated
//! again (see [`Origin`]).
//!
//! This holds for clients that SET what they read after a miss. A SET that no miss came before is counted against
//! a miss that it does not answer; mixed with fills of a pool it is not covered.

use std::collections::VecDeque;

use crate::census::{Reader, WrittenKeys};
use crate::marks::HashedMap;
use crate::misses::Misses;
use crate::{Millis, Origin, Seq};

/// What to do with a plain SET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A write: store it as a put, with a count of its own.
    Put,
    /// A fill that is no older than the last invalidation: store it as one whose load began then.
    Fill {
        /// When the load began, or the last invalidation, which it is not older than.
        began: Seq,
    },
    /// The stored entry has this value already: leave it, count a fill.
    Same,
    /// It may be from before the last invalidation: drop it, and with `drop_stored` the stored entry too.
    Refuse {
        /// Whether there is a stored entry of another value: neither is provably the newer.
        drop_stored: bool,
    },
}

/// A plain SET, as the engine sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    /// The keyed hash of the key.
    pub hash: u64,
    /// A keyed hash of the value.
    pub value: u64,
    /// What its connection has done before.
    pub origin: Origin,
    /// The count at the last invalidation that covers the key (the key itself, patterns, everything; not plain SETs).
    pub invalidated: Seq,
    /// The same, without invalidations of the key itself.
    pub wide: Seq,
    /// The count at the last put of the key; 0 when it is not known.
    pub put: Seq,
    /// Whether the live stored entry has the same value; `None` when there is no such entry.
    pub stored_same: Option<bool>,
    /// The count now.
    pub seq: Seq,
    /// The time.
    pub now: Millis,
}

impl Offer {
    /// Whether its own connection's miss is older than what covered the key last, or than its last put.
    fn is_outdated(&self) -> bool {
        self.origin.miss.is_some_and(|began| began < self.invalidated.max(self.put))
    }

    /// Whether its own connection missed the key after all that covered it.
    fn has_fresh_miss(&self) -> bool {
        self.origin.miss.is_some() && !self.is_outdated()
    }

    /// Whether its connection emptied the cache and nothing covered the key since: then it is a write. Not so when
    /// that connection missed the key since, and somebody put it after that: what it read may be from before the put.
    fn is_ordered(&self) -> bool {
        let Origin { miss, flush, .. } = self.origin;
        let overtaken = miss.is_some_and(|began| began >= flush && began < self.put);
        self.origin.one_client && self.origin.wrote
            || flush > Seq(0) && flush >= self.invalidated && !overtaken
    }

    /// Whether it is a write where the key is known to be written. The fill of its own connection's miss is none, unless that
    /// connection writes the key itself, or it belongs to a pool whose writers use any connection.
    fn may_write(&self, several_writers: bool) -> bool {
        !self.is_outdated() || self.origin.writes || several_writers
    }
}

/// The outstanding misses of one shard's keys, used under its lock.
#[derive(Debug)]
pub(crate) struct Outstanding {
    keys: HashedMap<Misses>,
    /// Keys in the order in which they came, with their `Misses::born`; one that is gone or came again is void.
    order: VecDeque<(u64, u64)>,
    /// The number of the next key to come.
    next: u64,
    total: u64,
    capacity: usize,
    window_ms: u64,
    /// Until when a miss of a key that was pushed out may still be resolved.
    forgotten_until: Millis,
    /// The count at two moments, the first at least a window before now (or at the beginning), the second less.
    counts: [(Millis, Seq); 2],
    written: WrittenKeys,
    /// Misses that were forgotten when the cache was emptied, and until when a SET may answer one; `None`: a window from now.
    emptied: (u64, Option<Millis>),
}

impl Outstanding {
    /// Remembers at most `capacity` keys with misses in the last `window_ms`; 0 remembers none.
    pub(crate) fn new(capacity: usize, window_ms: u64) -> Outstanding {
        Outstanding {
            keys: HashedMap::default(),
            order: VecDeque::new(),
            next: 0,
            total: 0,
            capacity,
            window_ms,
            forgotten_until: Millis(0),
            counts: [(Millis(0), Seq(0)); 2],
            written: WrittenKeys::default(),
            emptied: (0, Some(Millis(0))),
        }
    }

    /// Notes a miss by `reader` of a key that was last invalidated at `invalidated`; `seq` is the count now.
    pub(crate) fn miss(&mut self, reader: Reader, hash: u64, invalidated: Seq, seq: Seq, now: Millis) {
        self.tell_time(seq, now);
        if self.window_ms == 0 {
            return;
        }
        let mut misses = match self.keys.remove(&hash) {
            Some(misses) => misses,
            None => self.arrive(hash, invalidated, now),
        };
        self.total -= misses.total();
        misses.catch_up(invalidated, now, self.window_ms);
        misses.add(reader, seq, now, self.window_ms);
        self.total += misses.total();
        self.keys.insert(hash, misses);
        self.keep_bounds(now);
    }

    /// An invalidation of the key itself was applied.
    pub(crate) fn invalidated(&mut self, hash: u64, seq: Seq) {
        if let Some(misses) = self.keys.get_mut(&hash) {
            misses.invalidated(seq);
        }
    }

    /// A plain SET of the key is about to be decided: what that needs comes from memory while the entry is looked for, not after
    /// it.
    #[inline]
    pub(crate) fn foresee(&self, hash: u64) {
        self.written.foresee(hash);
    }

    /// Decides about a plain SET, which resolves one miss.
    pub(crate) fn decide(&mut self, offer: &Offer) -> Decision {
        self.tell_time(offer.seq, offer.now);
        let Some(mut misses) = self.keys.remove(&offer.hash) else {
            return self.decide_unasked(offer);
        };
        self.total -= misses.total();
        misses.catch_up(offer.invalidated, offer.now, self.window_ms);
        if misses.total() == 0 {
            self.note_unexplained(offer);
        }
        let doubtful = misses.in_doubt(offer.now, self.counts[0].1);
        let proven = misses.count(offer.value, offer.now);
        misses.set(&offer.origin, offer.value, offer.wide);
        if misses.census().has_too_many_values() || misses.census().is_polled() {
            let several = misses.census().has_several_writers();
            self.written.prove(offer.hash, several, offer.now, self.window_ms);
            misses.restart_census();
        }
        let is_write =
            offer.is_ordered() || offer.origin.only_writes && misses.census().has_no_other_reader(0);
        let is_known = self.is_of_written_key(offer);
        let alone = misses.census().has_no_other_reader(offer.origin.client);
        misses.resolve(offer.now);
        if misses.total() > 0 {
            self.total += misses.total();
            self.keys.insert(offer.hash, misses);
        }
        match doubtful {
            _ if is_write || is_known && !offer.has_fresh_miss() => Decision::Put,
            _ if is_known => settled(offer),
            false => settled(offer),
            // Whatever others have missed, this client's misses come over this connection only.
            true if offer.origin.one_client && (offer.has_fresh_miss() || alone) => settled(offer),
            true if offer.stored_same == Some(true) => Decision::Same,
            true if proven && !offer.is_outdated() => Decision::Fill { began: offer.invalidated },
            true => refuse(offer),
        }
    }

    /// A SET of a key that nobody misses.
    fn decide_unasked(&mut self, offer: &Offer) -> Decision {
        let forgotten = self.may_be_forgotten(offer);
        self.note_unexplained(offer);
        match forgotten {
            _ if offer.is_ordered() => Decision::Put,
            _ if self.is_of_written_key(offer) && !offer.has_fresh_miss() => Decision::Put,
            true => refuse(offer),
            false => settled(offer),
        }
    }

    fn note_unexplained(&mut self, offer: &Offer) {
        if offer.origin.miss.is_none() && offer.now >= self.forgotten_until && self.window_ms > 0 {
            self.written.note(offer.hash, &offer.origin, self.emptied.0, offer.now, self.window_ms);
        }
    }

    /// Whether the key is known to be written by those who SET it, whatever misses of others are unresolved.
    fn is_of_written_key(&self, offer: &Offer) -> bool {
        self.written.get(offer.hash, offer.now).is_some_and(|several| offer.may_write(several))
    }

    /// A miss that began at `began` will not be filled: its connection is gone, and was no pool's.
    pub(crate) fn withdraw(&mut self, hash: u64, began: Seq) {
        let Some(mut misses) = self.keys.remove(&hash) else { return };
        self.total -= misses.total();
        misses.withdraw(began);
        if misses.total() > 0 {
            self.total += misses.total();
            self.keys.insert(hash, misses);
        }
    }

    /// Forgets all misses, and that any were forgotten: a client emptied the cache and begins anew.
    pub(crate) fn clear(&mut self) {
        self.written = WrittenKeys::default();
        self.emptied = (self.emptied.0.saturating_add(self.total), None);
        self.keys.clear();
        self.order.clear();
        self.total = 0;
        self.forgotten_until = Millis(0);
    }

    /// Unresolved misses.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Bytes taken beyond the structure itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.keys.allocation_size()
            + self.order.capacity() * size_of::<(u64, u64)>()
            + self.written.memory_bytes()
    }

    /// Recounts; says what differs.
    pub(crate) fn check(&self) -> Result<(), String> {
        let total: u64 = self.keys.values().map(Misses::total).sum();
        if total != self.total {
            return Err(format!("{total} outstanding misses, the books say {}", self.total));
        }
        let places = self.order.iter().filter(|place| self.holds(**place)).count();
        if places != self.keys.len() || places > self.capacity {
            return Err(format!(
                "{} keys with misses, {places} places, {} allowed",
                self.keys.len(),
                self.capacity
            ));
        }
        Ok(())
    }

    /// A key that was unknown. If misses were forgotten, some may have been this key's.
    fn arrive(&mut self, hash: u64, invalidated: Seq, now: Millis) -> Misses {
        self.next += 1;
        self.order.push_back((hash, self.next));
        Misses::new(self.next, invalidated, now, self.forgotten_until)
    }

    fn may_be_forgotten(&self, offer: &Offer) -> bool {
        offer.now < self.forgotten_until && offer.invalidated > self.counts[0].1
    }

    fn tell_time(&mut self, seq: Seq, now: Millis) {
        let until = *self.emptied.1.get_or_insert(now.plus(self.window_ms));
        if now > until {
            self.emptied.0 = 0;
        }
        if now.since(self.counts[1].0) >= self.window_ms {
            self.counts = [self.counts[1], (now, seq)];
        }
    }

    /// Lets the oldest keys go while there are too many, or while nothing of theirs is left.
    fn keep_bounds(&mut self, now: Millis) {
        while let Some(place) = self.order.front().copied() {
            if self.holds(place) {
                let misses = &self.keys[&place.0];
                let until = misses.until(self.window_ms);
                if until > now && self.keys.len() <= self.capacity {
                    break;
                }
                self.total -= misses.total();
                self.forgotten_until = self.forgotten_until.max(until);
                self.keys.remove(&place.0);
            }
            self.order.pop_front();
        }
        if self.order.len() > 2 * self.capacity.max(8) {
            let keys = &self.keys;
            self.order.retain(|(hash, born)| keys.get(hash).is_some_and(|misses| misses.born() == *born));
        }
    }

    fn holds(&self, (hash, born): (u64, u64)) -> bool {
        self.keys.get(&hash).is_some_and(|misses| misses.born() == born)
    }
}

/// No unresolved miss of the last window is older than the last invalidation. This connection's own may be, all the same:
/// the SET that resolved it by the count may have been another client's write, with its fill still to come.
fn settled(offer: &Offer) -> Decision {
    match offer.origin.miss {
        Some(began) if began >= offer.invalidated && began >= offer.put => Decision::Fill { began },
        Some(_) if offer.stored_same == Some(true) => Decision::Same,
        // A late fill, or (its miss answered by another connection) a write: nothing says which, so neither is kept.
        Some(_) => refuse(offer),
        None => Decision::Put,
    }
}

/// Some unresolved miss may be older than the last invalidation.
fn refuse(offer: &Offer) -> Decision {
    Decision::Refuse { drop_stored: offer.stored_same == Some(false) }
}

#[cfg(test)]
#[path = "outstanding_tests.rs"]
mod tests;
