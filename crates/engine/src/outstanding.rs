//! Outstanding misses of plain clients: which SET may be the late fill of a miss from before an invalidation.
//!
//! A pool sends the SET that follows a miss on any of its connections, so nothing says which miss a SET answers. But
//! misses can be counted. Each SET answers one miss at most; when as many misses are unresolved at an invalidation
//! as `doubtful` says, then at most that many SETs after it can carry what was read before it. So a SET is trusted
//! when no unresolved miss is that old, or when more SETs than `doubtful` have carried the same value: one of them,
//! at least, read it after the invalidation.
//!
//! This holds for clients that SET what they read after a miss. A SET that no miss came before is counted against
//! a miss that it does not answer; mixed with fills of a pool it is not covered.

use std::collections::VecDeque;

use crate::marks::HashedMap;
use crate::misses::Misses;
use crate::{Millis, Seq};

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
    /// The count at this connection's own miss of the key, if it remembers one.
    pub own_miss: Option<Seq>,
    /// The count at the last invalidation that covers the key (the key itself, patterns, everything; not plain SETs).
    pub invalidated: Seq,
    /// The count at the last put of the key; 0 when it is not known.
    pub put: Seq,
    /// Whether the live stored entry has the same value; `None` when there is no such entry.
    pub stored_same: Option<bool>,
    /// The count now.
    pub seq: Seq,
    /// The time.
    pub now: Millis,
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
        }
    }

    /// Notes a miss of a key that was last invalidated at `invalidated`; `seq` is the count now.
    pub(crate) fn miss(&mut self, hash: u64, invalidated: Seq, seq: Seq, now: Millis) {
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
        misses.add(now, self.window_ms);
        self.total += misses.total();
        self.keys.insert(hash, misses);
        self.keep_bounds(now);
    }

    /// Decides about a plain SET, which resolves one miss.
    pub(crate) fn offer(&mut self, offer: &Offer) -> Decision {
        self.tell_time(offer.seq, offer.now);
        let recent = self.counts[1].1;
        let outdated = offer.own_miss.is_some_and(|began| began < offer.invalidated.max(offer.put));
        let Some(mut misses) = self.keys.remove(&offer.hash) else {
            return if self.may_be_forgotten(offer) { refuse(offer) } else { settled(offer, recent) };
        };
        self.total -= misses.total();
        misses.catch_up(offer.invalidated, offer.now, self.window_ms);
        let doubtful = misses.in_doubt(offer.now, self.counts[0].1);
        let proven = misses.count(offer.value, offer.now);
        misses.resolve(offer.now);
        if misses.total() > 0 {
            self.total += misses.total();
            self.keys.insert(offer.hash, misses);
        }
        match doubtful {
            false => settled(offer, recent),
            true if offer.stored_same == Some(true) => Decision::Same,
            true if proven && !outdated => Decision::Fill { began: offer.invalidated },
            true => refuse(offer),
        }
    }

    /// Unresolved misses.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Bytes taken beyond the structure itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.keys.allocation_size() + self.order.capacity() * size_of::<(u64, u64)>()
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

/// No unresolved miss of the last window is older than the last invalidation; `recent` is a count within it.
fn settled(offer: &Offer, recent: Seq) -> Decision {
    match offer.own_miss {
        Some(began) if began >= offer.invalidated && began >= offer.put => Decision::Fill { began },
        // In a pool, the fill of another connection's miss: its own, which was counted, must have been resolved.
        Some(began) if began > recent && began >= offer.put => Decision::Fill { began: offer.invalidated },
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
