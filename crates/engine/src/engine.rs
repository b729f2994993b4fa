//! The engine's face.

use crate::{Ask, Change, Draft, FillLease, Invalidation, Lookup, Millis, Outcome, Seq, View};

/// What an engine is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes for entries and everything kept beside them.
    pub max_memory: u64,
    /// How long after a miss a plain SET from another connection is still taken for its fill, in milliseconds
    /// (the tombstone window).
    pub late_fill_window_ms: u64,
    /// How many forgotten names' marks are remembered (keys without an entry, tags without members).
    pub marks: usize,
    /// How deep a chain of dependencies may be.
    pub dependency_depth: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config { max_memory: 256 << 20, late_fill_window_ms: 10_000, marks: 65_536, dependency_depth: 64 }
    }
}

/// The cache: concurrent, byte-bounded, fresh by one rule.
#[derive(Debug)]
pub struct Engine {}

/// A value larger than the engine may ever hold, or a dependency that may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TooLarge {
    /// Key, value and what is kept with them exceed what one shard may hold; in bytes: asked and allowed.
    Entry {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// The entry would depend on itself; the names on the way.
    Cycle(Vec<Box<[u8]>>),
    /// The chain of dependencies would be deeper than this.
    Depth(usize),
}

/// What became of a fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filled {
    /// Stored.
    Stored,
    /// Something that covers it was invalidated after the load began: dropped.
    Refused,
    /// It does not fit: dropped.
    TooLarge(TooLarge),
}

/// What became of a plain SET (one without a lease, that may be a fill or a write).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offered {
    /// No miss is outstanding: taken as a write, newer than every load in flight.
    Written,
    /// Taken as the fill of an outstanding miss, all of which began after the last invalidation.
    Filled,
    /// It may be the fill of a miss from before the last invalidation: dropped.
    Refused,
    /// It does not fit: dropped.
    TooLarge(TooLarge),
}

/// What an invalidation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Its place in this process's count.
    pub seq: Seq,
    /// Entries that it reached: removed, marked, or left to the sweeper. An entry that two scopes of one
    /// request cover counts for each.
    pub reached: u64,
}

/// What a round of maintenance did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Entries whose time was over.
    pub expired: u64,
    /// Entries whose memory was given back after an invalidation.
    pub swept: u64,
    /// Whether there is more to do now.
    pub more: bool,
}

/// The neighbours of a key in the graph of dependencies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Keys and tags that its value was made from.
    pub depends_on: Vec<Box<[u8]>>,
    /// Its tags.
    pub tags: Vec<Box<[u8]>>,
    /// Its events, in written form.
    pub events: Vec<Box<str>>,
    /// Keys of entries that depend on it, at most the number asked for.
    pub dependents: Vec<Box<[u8]>>,
}

/// The engine's books.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Account {
    pub entries: u64,
    pub negative_entries: u64,
    pub entries_with_ttl: u64,
    pub memory_bytes: u64,
    pub hits: u64,
    pub stale_hits: u64,
    pub misses: u64,
    pub fills: u64,
    pub fills_refused: u64,
    pub offers_refused: u64,
    pub flights: u64,
    pub early_refreshes: u64,
    pub invalidations: u64,
    pub evicted: u64,
    pub expired: u64,
    pub invalidated: u64,
    pub removed: u64,
    pub tags: u64,
    pub key_marks: u64,
    pub outstanding_misses: u64,
}

impl Engine {
    /// An empty engine; `seed` keys its hashes (give it true randomness in a server, a constant in a test).
    pub fn new(config: Config, seed: u64) -> Engine {
        let _ = (config, seed);
        todo!()
    }

    /// The count of invalidations applied. A value that is loaded from now on may be filled with it.
    pub fn seq(&self) -> Seq {
        todo!()
    }

    /// Looks a key up. `read` is called at most once, with the entry, while its shard is held: it copies what the
    /// reader needs and does nothing slow.
    pub fn lookup<R>(&self, key: &[u8], ask: Ask, read: impl FnOnce(&View<'_>) -> R) -> Lookup<R> {
        let _ = (key, ask, read);
        todo!()
    }

    /// Looks at an entry without counting, touching or removing it; also at a stale one. `None`: no entry that may be served.
    pub fn peek<R>(&self, key: &[u8], now: Millis, read: impl FnOnce(&View<'_>) -> R) -> Option<R> {
        let _ = (key, now, read);
        todo!()
    }

    /// Stores what was loaded since `began`, unless something that covers it was invalidated since.
    pub fn fill(&self, key: &[u8], began: Seq, draft: &Draft<'_>, now: Millis) -> Filled {
        let _ = (key, began, draft, now);
        todo!()
    }

    /// Ends a flight: fills with `draft` (on [`Outcome::Failed`] nothing is stored, `draft` is ignored) and tells
    /// the waiting readers. A reader that asked after what refused the fill is told to ask again.
    pub fn land(&self, lease: FillLease, outcome: Outcome, draft: &Draft<'_>, now: Millis) -> Filled {
        let _ = (lease, outcome, draft, now);
        todo!()
    }

    /// A plain SET: a write, or the fill of a remembered miss; `own_miss` is the count at this connection's own
    /// miss of the key, if it remembers one.
    pub fn offer(&self, key: &[u8], own_miss: Option<Seq>, draft: &Draft<'_>, now: Millis) -> Offered {
        let _ = (key, own_miss, draft, now);
        todo!()
    }

    /// A client's write: stored whatever there was, newer than every load in flight. What depends on the key is
    /// invalidated.
    pub fn put(&self, key: &[u8], draft: &Draft<'_>, now: Millis) -> Result<(), TooLarge> {
        let _ = (key, draft, now);
        todo!()
    }

    /// Reads, decides and changes one key in one step; no other command comes between. `decide` sees what a reader
    /// would see.
    pub fn update<'d, R>(
        &self,
        key: &[u8],
        now: Millis,
        decide: impl FnOnce(Option<&View<'_>>) -> (Change<'d>, R),
    ) -> Result<R, TooLarge> {
        let _ = (key, now, decide);
        todo!()
    }

    /// Applies an invalidation. When it returns, no later read sees what was covered.
    pub fn apply(&self, invalidation: &Invalidation, now: Millis) -> Applied {
        let _ = (invalidation, now);
        todo!()
    }

    /// How many entries `invalidation` would reach now; reads every entry, in slices.
    pub fn would_reach(&self, invalidation: &Invalidation, now: Millis) -> u64 {
        let _ = (invalidation, now);
        todo!()
    }

    /// Changes whenever the key's entry does (0: none); for WATCH.
    pub fn stamp(&self, key: &[u8], now: Millis) -> u64 {
        let _ = (key, now);
        todo!()
    }

    /// Visits about `count` entries from `cursor` (0 begins) and returns the next cursor (0: all done). An entry that
    /// stays during the whole scan is visited exactly once. Takes one shard at a time.
    pub fn scan(&self, cursor: u64, count: usize, now: Millis, visit: impl FnMut(&View<'_>)) -> u64 {
        let _ = (cursor, count, now, visit);
        todo!()
    }

    /// A key, picked by the random number `pick`; `None` when there is none.
    pub fn random_key(&self, pick: u64, now: Millis) -> Option<Box<[u8]>> {
        let _ = (pick, now);
        todo!()
    }

    /// The neighbours of a key, with at most `most` dependents.
    pub fn dependencies(&self, key: &[u8], most: usize, now: Millis) -> Dependencies {
        let _ = (key, most, now);
        todo!()
    }

    /// Takes away what expired and gives back the memory of what was invalidated, at most about `budget` entries.
    pub fn maintain(&self, now: Millis, budget: usize) -> Maintained {
        let _ = (now, budget);
        todo!()
    }

    /// Bytes that one entry takes beyond its key and value, with it; `None`: no such entry.
    pub fn memory_of(&self, key: &[u8], now: Millis) -> Option<u64> {
        let _ = (key, now);
        todo!()
    }

    /// The books.
    pub fn account(&self) -> Account {
        todo!()
    }

    /// Recounts everything and compares it with the books; says what differs. For tests.
    pub fn check(&self) -> Result<(), String> {
        todo!()
    }
}
