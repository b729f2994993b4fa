//! The outstanding misses of one key.

use crate::census::{Census, Reader};
use crate::{Millis, Origin, Seq};

/// In how many parts the window is looked at; a miss is forgotten one to two parts after its window.
const PARTS: u64 = 4;
const BUCKETS: usize = PARTS as usize + 1;
const CANDIDATES: usize = 4;
/// The count at a miss that was not.
const NEVER: Seq = Seq(u64::MAX);

/// Unresolved misses of one key, and the values that SETs brought since its last invalidation.
#[derive(Debug)]
pub(crate) struct Misses {
    born: u64,
    /// The last invalidation that is taken into account, and when that was noticed.
    seen: Seq,
    seen_at: Millis,
    /// Until then, misses of this key may be resolved that were forgotten and are not counted here.
    blind_until: Millis,
    /// The part of time that the newest bucket counts.
    part: u64,
    last_miss: Millis,
    /// Unresolved misses by the part of time in which they were.
    buckets: [u32; BUCKETS],
    /// The count at the first miss of each part, resolved or not; [`NEVER`] when there was none.
    firsts: [Seq; BUCKETS],
    /// Unresolved misses that may be older than the last invalidation, when the key was invalidated last: so many SETs at most can carry what is older.
    bound: u32,
    /// At most so many of them are still unresolved.
    old: u32,
    /// Values that SETs brought since then, and how many did (0: free).
    candidates: [(u64, u32); CANDIDATES],
    census: Census,
}

impl Misses {
    pub(crate) fn new(born: u64, invalidated: Seq, now: Millis, blind_until: Millis) -> Misses {
        Misses {
            born,
            seen: invalidated,
            seen_at: now,
            blind_until,
            part: 0,
            last_miss: now,
            buckets: [0; BUCKETS],
            firsts: [NEVER; BUCKETS],
            bound: 0,
            old: 0,
            candidates: [(0, 0); CANDIDATES],
            census: Census::new(invalidated),
        }
    }

    pub(crate) fn born(&self) -> u64 {
        self.born
    }

    /// Unresolved misses.
    pub(crate) fn total(&self) -> u64 {
        self.buckets.iter().copied().map(u64::from).sum()
    }

    /// When the last of them is forgotten.
    pub(crate) fn until(&self, window_ms: u64) -> Millis {
        let width = width(window_ms);
        Millis((self.last_miss.0 / width).saturating_add(BUCKETS as u64).saturating_mul(width))
    }

    /// Forgets misses whose window is over, then takes an invalidation into account that is news. Mostly no miss and no
    /// SET has come between it and now; but that a tag belongs to the key may be news too, and misses are as new as that
    /// tag's last invalidation then.
    pub(crate) fn catch_up(&mut self, invalidated: Seq, now: Millis, window_ms: u64) {
        let part = (now.0 / width(window_ms)).max(self.part);
        for past in (self.part + 1..=part).rev().take(BUCKETS) {
            let unfilled = std::mem::take(&mut self.buckets[past as usize % BUCKETS]);
            self.census.unfilled(unfilled);
            self.firsts[past as usize % BUCKETS] = NEVER;
        }
        self.part = part;
        if self.total() == 0 {
            self.census = Census::new(self.seen.max(invalidated));
        }
        if now.since(self.seen_at) > window_ms {
            self.old = 0;
        }
        self.old = self.old.min(self.total_u32());
        if invalidated > self.seen {
            (self.seen, self.seen_at) = (invalidated, now);
            // Which misses the SETs since have resolved is not known: perhaps all but the old ones.
            let any_older = self.firsts.iter().any(|first| *first < invalidated);
            self.bound = if any_older { self.total_u32() } else { 0 };
            self.old = self.bound;
            self.candidates = [(0, 0); CANDIDATES];
        }
    }

    /// Counts a miss at the count `seq`; after [`Misses::catch_up`].
    pub(crate) fn add(&mut self, reader: Reader, seq: Seq, now: Millis, window_ms: u64) {
        self.census.ask(reader);
        let part = self.part as usize % BUCKETS;
        self.firsts[part] = self.firsts[part].min(seq);
        self.buckets[part] = self.buckets[part].saturating_add(1);
        // `now` may be a little behind what another thread told.
        self.last_miss = self.last_miss.max(now).max(Millis(self.part.saturating_mul(width(window_ms))));
    }

    /// Whether an unresolved miss may be older than the last invalidation. `before` is the count a window ago.
    pub(crate) fn in_doubt(&self, now: Millis, before: Seq) -> bool {
        self.old > 0 || (now < self.blind_until && self.seen > before)
    }

    /// Counts a value that a SET brought; whether more SETs have brought it than could carry what is older than the
    /// last invalidation.
    pub(crate) fn count(&mut self, value: u64, now: Millis) -> bool {
        if now < self.blind_until {
            return false;
        }
        let known = self.candidates.iter().position(|(known, count)| *known == value && *count > 0);
        // A value that is pushed out begins again at 0, which can only delay its proof.
        let fewest = || (0..CANDIDATES).min_by_key(|n| self.candidates[*n].1).unwrap_or(0);
        let place = known.unwrap_or_else(fewest);
        if known.is_none() {
            self.candidates[place] = (value, 0);
        }
        let count = &mut self.candidates[place].1;
        *count = count.saturating_add(1);
        *count > self.bound
    }

    /// One miss is resolved, taken to be the oldest: what is left is forgotten rather too late. While blind, it
    /// may be one that is not counted here, so none is taken off.
    pub(crate) fn resolve(&mut self, now: Millis) {
        if now < self.blind_until {
            return;
        }
        let oldest_first = (1..=BUCKETS).map(|n| (self.part as usize + n) % BUCKETS);
        if let Some(oldest) = oldest_first.into_iter().find(|n| self.buckets[*n] > 0) {
            self.buckets[oldest] -= 1;
        }
        self.old = self.old.min(self.total_u32());
    }

    /// Counts a SET of a key that something wider covered last at `wide`.
    pub(crate) fn set(&mut self, origin: &Origin, value: u64, wide: Seq) {
        self.census.covered(wide);
        self.census.set(origin, value, self.total());
    }

    /// What was found out of the key is noted elsewhere.
    pub(crate) fn restart_census(&mut self) {
        self.census.restart(self.total());
    }

    /// Counts an invalidation of the key itself.
    pub(crate) fn invalidated(&mut self, seq: Seq) {
        self.census.invalidated(seq);
    }

    /// Who misses the key and who SETs it.
    pub(crate) fn census(&self) -> &Census {
        &self.census
    }

    /// A miss that began at `began` will not be filled: its connection is gone.
    pub(crate) fn withdraw(&mut self, began: Seq) {
        let newest_first = (0..BUCKETS).map(|n| (self.part as usize + BUCKETS - n) % BUCKETS);
        if let Some(newest) = newest_first.into_iter().find(|n| self.buckets[*n] > 0) {
            self.buckets[newest] -= 1;
        }
        if began < self.seen {
            self.old = self.old.saturating_sub(1);
            self.bound = self.bound.saturating_sub(1);
        }
        self.old = self.old.min(self.total_u32());
    }

    fn total_u32(&self) -> u32 {
        u32::try_from(self.total()).unwrap_or(u32::MAX)
    }
}

/// How long a part of the window is, in milliseconds; not 0.
fn width(window_ms: u64) -> u64 {
    window_ms.div_ceil(PARTS).max(1)
}
