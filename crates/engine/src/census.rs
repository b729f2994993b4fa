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

/// So many misses that nobody filled are looked at before they say anything.
const UNFILLED_LEAST: u32 = 24;
/// So many SETs in a row, each of a value that nobody SET before, show that nobody reads them from a source that others read.
const NEW_IN_A_ROW: u32 = 16;
/// Counts are halved beyond this.
const COUNT_MOST: u32 = 1 << 20;
const READERS: usize = 4;
/// New values beyond the number of invalidations that changes and fills under way may explain.
const SURPLUS_MOST: i64 = 6;

/// One key's misses and SETs, since its misses began to be counted.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// SETs.
    sets: u32,
    /// Misses that nobody filled within the window. Younger ones prove nothing: a herd of readers that waits for a slow source looks
    /// like one that only polls.
    unfilled: u32,
    setters: Setters,
    /// Connections that missed it, with the lowest bit set for those that only look; 0 is free.
    readers: [u64; READERS],
    /// Whether there were more, or one that is not known.
    strangers: bool,
    /// New values that were SET, less invalidations of the key itself. Whoever fills brings what the source held since the first
    /// miss that is counted, and whoever changes the source invalidates: so there can be no more new values than
    /// invalidations, but for changes that are under way.
    surplus: i64,
    /// The last invalidation of anything wider than the key that was there before the census began; and whether there was one
    /// since: how many changes that stands for is not known.
    wide_before: Seq,
    wide: bool,
    /// The last SETs that brought new values, up to one that did not.
    new_in_a_row: u32,
    values: SeenValues,
    /// The last invalidation that was counted.
    counted: Seq,
}

impl Census {
    /// Of a key that was last invalidated then.
    pub(crate) fn new(invalidated: Seq) -> Census {
        Census { wide_before: invalidated, ..Census::default() }
    }

    /// Begins anew, while so many misses are unresolved: each may yet bring a value from before.
    pub(crate) fn restart(&mut self, unresolved: u64) {
        self.surplus = i64::try_from(unresolved).map_or(i64::MIN, std::ops::Neg::neg);
        self.values = SeenValues::default();
        // Without what it knew of values, repeated ones would look new: no earlier count may rest on them.
        (self.sets, self.unfilled, self.new_in_a_row) = (0, 0, 0);
    }

    /// A miss.
    pub(crate) fn ask(&mut self, reader: Reader) {
        let name = reader.client << 1;
        let known = self.readers.iter_mut().find(|known| **known & !1 == name || **known == 0);
        match known {
            Some(known) if name != 0 => *known = name | (*known & 1) | u64::from(reader.looks),
            _ => self.strangers = true,
        }
    }

    /// So many misses were never filled.
    pub(crate) fn unfilled(&mut self, misses: u32) {
        self.unfilled = self.unfilled.saturating_add(misses);
        self.bound();
    }

    /// An invalidation of the key itself.
    pub(crate) fn invalidated(&mut self, seq: Seq) {
        if seq > self.counted {
            self.counted = seq;
            self.surplus = self.surplus.saturating_sub(1);
        }
    }

    /// The last invalidation of anything wider that covers the key, such as a tag.
    pub(crate) fn covered(&mut self, seq: Seq) {
        self.wide |= seq > self.wide_before;
    }

    /// A SET of a value with this hash, while so many misses are unresolved.
    pub(crate) fn set(&mut self, origin: &Origin, value: u64, unresolved: u64) {
        self.sets += 1;
        if self.values.is_full() {
            self.restart(unresolved);
        }
        let is_new = self.values.note(value);
        self.surplus = self.surplus.saturating_add(i64::from(is_new));
        self.new_in_a_row = if is_new { self.new_in_a_row.saturating_add(1) } else { 0 };
        self.bound();
        self.setters.note(origin);
    }

    /// Whether a third of the misses and more are never filled, and each SET brings what nobody SET before: the key is polled, and
    /// those who SET it write it.
    pub(crate) fn is_polled(&self) -> bool {
        self.unfilled >= UNFILLED_LEAST
            && self.sets <= self.unfilled.saturating_mul(2)
            && self.new_in_a_row >= NEW_IN_A_ROW
    }

    /// Whether more new values were SET than those who fill can bring.
    pub(crate) fn has_too_many_values(&self) -> bool {
        !self.wide && self.surplus > SURPLUS_MOST
    }

    /// Whether several connections SET it without having missed it.
    pub(crate) fn has_several_writers(&self) -> bool {
        self.setters.several()
    }

    /// Whether every miss came from this connection, or from one that only looks.
    pub(crate) fn has_no_other_reader(&self, client: u64) -> bool {
        let harmless = |known: u64| known == 0 || known & 1 == 1 || known >> 1 == client;
        !self.strangers && self.readers.iter().all(|known| harmless(*known))
    }

    fn bound(&mut self) {
        if self.sets.max(self.unfilled) > COUNT_MOST {
            (self.sets, self.unfilled) = (self.sets / 2, self.unfilled / 2);
        }
    }
}

/// Values that were SET: a Bloom filter. A value that it has never seen may be taken for known, which delays a proof; never the
/// other way round.
#[derive(Debug, Default)]
struct SeenValues([u64; WORDS]);

const WORDS: usize = 8;
/// Bits that are set in a full one: one value in four that is new would be taken for known.
const FULL: u32 = u64::BITS * WORDS as u32 / 2;

impl SeenValues {
    fn is_full(&self) -> bool {
        self.0.iter().map(|word| word.count_ones()).sum::<u32>() >= FULL
    }

    /// Notes a value by its hash; whether it is new.
    fn note(&mut self, hash: u64) -> bool {
        let bits = (WORDS * u64::BITS as usize) as u64;
        [hash % bits, (hash >> 32) % bits].into_iter().fold(false, |is_new, bit| {
            let (word, mask) = (&mut self.0[(bit / 64) as usize], 1 << (bit % 64));
            let was = *word & mask != 0;
            *word |= mask;
            is_new || !was
        })
    }
}

/// Whether SETs that follow no miss of their own connection came from one connection or several: in the lowest bit, under the number of the
/// last connection.
#[derive(Debug, Clone, Copy, Default)]
struct Setters(u64);

impl Setters {
    /// As they are known from elsewhere, of no connection.
    fn known(several: bool) -> Setters {
        Setters(u64::from(several))
    }

    fn several(self) -> bool {
        self.0 & 1 == 1
    }

    fn note(&mut self, origin: &Origin) {
        let last = self.0 >> 1;
        if origin.miss.is_none() && origin.client != 0 {
            let several = self.several() || last != 0 && last != origin.client;
            self.0 = origin.client << 1 | u64::from(several);
        }
    }
}

/// Keys of one shard that were SET when no miss could explain it: somebody writes them. One who only fills after misses
/// never does that.
#[derive(Debug, Default)]
pub(crate) struct WrittenKeys {
    /// Empty until there is one.
    slots: Vec<SeenWrite>,
}

/// Each SET of any key writes one: it lies in one line of the processor's cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct SeenWrite {
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
            self.slots = vec![SeenWrite::default(); SLOTS];
        }
        let slot = &mut self.slots[hash as usize & (SLOTS - 1)];
        let is_other = slot.hash != hash || slot.until <= now;
        if is_other && slot.proofs >= PROOFS && slot.until > now {
            return;
        }
        if is_other {
            let proofs = -i64::try_from(forgotten).unwrap_or(i64::MAX);
            *slot = SeenWrite { hash, proofs, ..SeenWrite::default() };
        }
        slot.proofs = slot.proofs.saturating_add(1);
        slot.until = now.plus(window_ms.saturating_mul(WINDOWS));
        slot.setters.note(origin);
    }

    /// Begins to read a key's slot, whose line is seldom in the processor's cache.
    #[inline]
    pub(crate) fn foresee(&self, hash: u64) {
        std::hint::black_box(self.slots.get(hash as usize & (SLOTS - 1)).map(|slot| slot.hash));
    }

    /// Notes that a key is written, by several connections or not.
    pub(crate) fn prove(&mut self, hash: u64, several: bool, now: Millis, window_ms: u64) {
        if self.slots.is_empty() {
            self.slots = vec![SeenWrite::default(); SLOTS];
        }
        let until = now.plus(window_ms.saturating_mul(WINDOWS));
        let setters = Setters::known(several);
        self.slots[hash as usize & (SLOTS - 1)] = SeenWrite { hash, until, proofs: PROOFS, setters };
    }

    /// Whether somebody writes the key; then, whether several connections do.
    pub(crate) fn get(&self, hash: u64, now: Millis) -> Option<bool> {
        let slot = self.slots.get(hash as usize & (SLOTS - 1))?;
        let is_written = slot.hash == hash && slot.proofs >= PROOFS && slot.until > now;
        is_written.then_some(slot.setters.several())
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<SeenWrite>()
    }
}
