//! Who asks for a key in vain and who gives it values: what tells pollers and writers from the clients of a cache-aside pool.

use crate::{Millis, Origin, Seq};

/// Who misses a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reader {
    /// The number of the connection; 0: not known.
    pub client: u64,
    /// Whether it has missed many times and never written: the fills of a pool travel on all of its connections, so this one
    /// belongs to somebody who only looks.
    pub looks: bool,
}

/// So many misses are looked at before they say anything.
const ASKS_LEAST: u32 = 24;
/// Counts are halved beyond this.
const COUNT_MOST: u32 = 1 << 20;
const READERS: usize = 4;
/// Values that are remembered as not new.
const VALUES: usize = 8;
/// New values beyond the number of invalidations that changes and fills under way may explain.
const SURPLUS_MOST: u32 = 6;

/// One key's misses and SETs, since its misses began to be counted.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// SETs.
    sets: u32,
    /// Misses since the first SET. Those before it prove nothing: a herd of readers that still waits for a slow source looks
    /// like one that only polls. From the first fill on, fills come as often as misses do.
    asks: u32,
    setters: Setters,
    /// Connections that missed it, with the lowest bit set for those that only look; 0 is free.
    readers: [u64; READERS],
    /// Whether there were more, or one that is not known.
    strangers: bool,
    /// New values that were SET, less invalidations. Whoever fills brings what the source holds, and whoever changes the source
    /// invalidates: so there can be no more new values than invalidations, but for changes and fills that are under way.
    surplus: u32,
    values: [u64; VALUES],
    next: usize,
    /// The last invalidation that was counted.
    counted: Seq,
}

impl Census {
    /// A miss.
    pub(crate) fn ask(&mut self, reader: Reader) {
        if self.sets > 0 {
            self.asks += 1;
        }
        self.bound();
        let name = reader.client << 1;
        let known = self.readers.iter_mut().find(|known| **known & !1 == name || **known == 0);
        match known {
            Some(known) if name != 0 => *known = name | (*known & 1) | u64::from(reader.looks),
            _ => self.strangers = true,
        }
    }

    /// An invalidation of the key.
    pub(crate) fn invalidated(&mut self, seq: Seq) {
        if seq > self.counted {
            self.counted = seq;
            self.surplus = self.surplus.saturating_sub(1);
        }
    }

    /// A SET of a value with this hash.
    pub(crate) fn set(&mut self, origin: &Origin, value: u64) {
        self.sets += 1;
        if !self.values.contains(&value) {
            self.values[self.next % VALUES] = value;
            self.next = self.next.wrapping_add(1);
            self.surplus = self.surplus.saturating_add(1);
        }
        self.bound();
        self.setters.note(origin);
    }

    /// Whether a third of the misses and more are never filled: the key is polled, and those who SET it write it.
    pub(crate) fn is_polled(&self) -> bool {
        self.asks >= ASKS_LEAST && self.sets.saturating_mul(3) <= self.asks.saturating_mul(2)
    }

    /// Whether more new values were SET than those who fill can bring.
    pub(crate) fn has_too_many_values(&self) -> bool {
        self.surplus > SURPLUS_MOST
    }

    /// Whether several connections SET it without having missed it.
    pub(crate) fn has_several_writers(&self) -> bool {
        self.setters.several
    }

    /// Whether every miss came from this connection, or from one that only looks.
    pub(crate) fn has_no_other_reader(&self, client: u64) -> bool {
        let harmless = |known: u64| known == 0 || known & 1 == 1 || known >> 1 == client;
        !self.strangers && self.readers.iter().all(|known| harmless(*known))
    }

    fn bound(&mut self) {
        if self.sets.max(self.asks) > COUNT_MOST {
            (self.sets, self.asks) = (self.sets / 2, self.asks / 2);
        }
    }
}

/// Whether SETs that follow no miss of their own connection came from one connection or several.
#[derive(Debug, Clone, Copy, Default)]
struct Setters {
    last: u64,
    several: bool,
}

impl Setters {
    fn note(&mut self, origin: &Origin) {
        if origin.miss.is_none() && origin.client != 0 {
            self.several |= self.last != 0 && self.last != origin.client;
            self.last = origin.client;
        }
    }
}

/// Keys of one shard that were SET when no miss could explain it: somebody writes them. One who only fills after misses
/// never does that.
#[derive(Debug, Default)]
pub(crate) struct WrittenKeys {
    /// Empty until there is one.
    slots: Vec<Written>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Written {
    hash: u64,
    until: Millis,
    /// SETs that no miss explains, less those that misses may explain which were forgotten.
    proofs: i64,
    setters: Setters,
}

/// A power of two.
const SLOTS: usize = 128;
/// One may be the fill of a miss that is forgotten: from before the process began, or before the cache was emptied.
const PROOFS: i64 = 2;
/// For how many late-fill windows it is remembered.
const WINDOWS: u64 = 6;

impl WrittenKeys {
    /// Notes a SET that no miss explains, where so many misses were forgotten of late. A key that is known to be written keeps
    /// its slot.
    pub(crate) fn note(&mut self, hash: u64, origin: &Origin, forgotten: u64, now: Millis, window_ms: u64) {
        if self.slots.is_empty() {
            self.slots = vec![Written::default(); SLOTS];
        }
        let slot = &mut self.slots[hash as usize & (SLOTS - 1)];
        let is_other = slot.hash != hash || slot.until <= now;
        if is_other && slot.proofs >= PROOFS && slot.until > now {
            return;
        }
        if is_other {
            let proofs = -i64::try_from(forgotten).unwrap_or(i64::MAX);
            *slot = Written { hash, proofs, ..Written::default() };
        }
        slot.proofs = slot.proofs.saturating_add(1);
        slot.until = now.plus(window_ms.saturating_mul(WINDOWS));
        slot.setters.note(origin);
    }

    /// Notes that a key is written, by several connections or not.
    pub(crate) fn prove(&mut self, hash: u64, several: bool, now: Millis, window_ms: u64) {
        if self.slots.is_empty() {
            self.slots = vec![Written::default(); SLOTS];
        }
        let until = now.plus(window_ms.saturating_mul(WINDOWS));
        let setters = Setters { last: 0, several };
        self.slots[hash as usize & (SLOTS - 1)] = Written { hash, until, proofs: PROOFS, setters };
    }

    /// Whether somebody writes the key; then, whether several connections do.
    pub(crate) fn get(&self, hash: u64, now: Millis) -> Option<bool> {
        let slot = self.slots.get(hash as usize & (SLOTS - 1))?;
        let is_written = slot.hash == hash && slot.proofs >= PROOFS && slot.until > now;
        is_written.then_some(slot.setters.several)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Written>()
    }
}
