//! What the engine's verbs answer.

use crate::{Millis, Seq};

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
    /// Whoever gives places in the order gives none for this key any more ([`Order`](crate::Order)): it is another node's now.
    Elsewhere,
}

/// What became of a fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filled {
    /// Stored.
    Stored,
    /// Something that covers it was invalidated after the load began, or a newer version stands there: dropped.
    /// Also when the load failed and there was nothing to store.
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
    /// Entries that it reached: removed, marked, or left to the sweeper. An entry that carries a tag and depends on that
    /// tag's name counts once; one that is reached in several other ways (two dependencies of a cascade, two patterns
    /// of one event, two scopes of a request) counts for each. One that another name or its expiry took away, and that
    /// was not swept since, still counts as a member of its tags, dependencies and events.
    pub reached: u64,
    /// Of them, where keys were named or matched: those that only depend on such a key.
    pub dependents: u64,
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

/// A key, and a name that it depends on.
pub type Edge = (Box<[u8]>, Box<[u8]>);

/// What leads to and from a key, itself or over others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edges {
    /// On the way up: from the key to what it depends on.
    pub above: Vec<Edge>,
    /// On the way down: from dependents to the key.
    pub below: Vec<Edge>,
    /// Whether there is more than was asked for.
    pub truncated: bool,
}

/// A key that depends on something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependent {
    /// The key.
    pub key: Box<[u8]>,
    /// Keys and tags that its value was made from.
    pub depends_on: Vec<Box<[u8]>>,
    /// When its entry came to be; `None`: it is gone, and something that was made from it stands.
    pub created: Option<Millis>,
    /// When it got its last value.
    pub updated: Option<Millis>,
    /// Whether an invalidation has reached it, and it waits to be refreshed or taken away.
    pub propagating: bool,
}

/// Where a page of dependents begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageFrom {
    /// At a place among the entries; 0 is the first.
    Entries(u64),
    /// After a key, among those whose entries are gone.
    Gone(Box<[u8]>),
}

/// A page of dependents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Dependent>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<PageFrom>,
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
