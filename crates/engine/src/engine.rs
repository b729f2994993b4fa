//! The engine's face; its verbs stand in the modules below.

mod account;
mod apply;
mod check;
mod copies;
mod dependencies;
mod fill;
mod lookup;
mod maintain;
mod offer;
mod reach;
mod reclaim;
mod relocate;
mod scan;
mod update;
mod why;

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::flight::Flights;
use crate::hash::shard_of;
use crate::order::{Order, OutsideOrder};
use crate::shard::{Shard, ShardCell, Tally};
use crate::shared::EngineShared;
use crate::{Departures, Eviction, Millis, Seq};
use maintain::Broom;
use offer::Horizon;

pub use relocate::{Relocated, Relocation};

/// What an engine is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes for entries and everything kept beside them. One entry may take a quarter of it.
    pub max_memory: u64,
    /// Entries at most, in all; absences that are remembered are entries. [`u64::MAX`]: as many as fit.
    pub max_entries: u64,
    /// Who leaves first when there is too much of either.
    pub eviction: Eviction,
    /// How long after a miss a plain SET from another connection is still taken for its fill, in milliseconds
    /// (the tombstone window); 0 takes none for it.
    pub late_fill_window_ms: u64,
    /// How many forgotten names' marks are remembered (keys without an entry, tags without members); at most one for
    /// each 512 bytes of memory.
    pub marks: usize,
    /// Bytes for the history of keys ([`Engine::why`]), which count among those of `max_memory`: a quarter of them at most.
    /// `None`: 4 MB, or a 64th of `max_memory` where that is less.
    pub history_memory: Option<u64>,
    /// How deep a chain of dependencies may be.
    pub dependency_depth: usize,
    /// How many classes reads are counted by ([`Ask::class`](crate::Ask::class)); at least one.
    pub classes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            max_memory: 256 << 20,
            max_entries: u64::MAX,
            eviction: Eviction::Adaptive,
            late_fill_window_ms: 10_000,
            marks: 65_536,
            history_memory: None,
            dependency_depth: 64,
            classes: 1,
        }
    }
}

impl Config {
    /// Bytes that the history of keys may take.
    pub(crate) fn history_bytes(&self) -> u64 {
        let preset = HISTORY_BYTES.min(self.max_memory / 64);
        self.history_memory.unwrap_or(preset).min(self.max_memory / 4)
    }
}

/// Bytes for the history of keys where nothing else is said.
const HISTORY_BYTES: u64 = 4_000_000;

/// At most so many shards, and at least so many bytes and entries for each: a small cache has fewer.
const SHARDS_MOST: u64 = 64;
const SHARD_BYTES_LEAST: u64 = 256 << 10;
const SHARD_ENTRIES_LEAST: u64 = 1024;

/// Bytes of memory for each forgotten name that may be remembered: so they take a few hundredths of it at most.
const MEMORY_A_MARK: u64 = 512;

/// The cache: concurrent, byte-bounded, fresh by one rule.
///
/// Its shards share one budget: one that is given a large value borrows from all others. So an entry may be as large as
/// a quarter of the memory, whatever the number of shards.
#[derive(Debug)]
pub struct Engine {
    shared: EngineShared,
    cells: Box<[ShardCell]>,
    broom: Mutex<Broom>,
    horizon: Horizon,
    log: OutsideOrder,
    /// The shard that gives memory back next.
    reclaiming: std::sync::atomic::AtomicUsize,
    classes: u32,
}

impl Engine {
    /// An empty engine; `seed` keys its hashes (give it true randomness in a server, a constant in a test).
    pub fn new(mut config: Config, seed: u64) -> Engine {
        config.marks = config.marks.min((config.max_memory / MEMORY_A_MARK) as usize);
        let wanted = (config.max_memory / SHARD_BYTES_LEAST).min(config.max_entries / SHARD_ENTRIES_LEAST);
        let wanted = wanted.clamp(1, SHARDS_MOST);
        let shards = 1usize << wanted.ilog2();
        let marks = (config.marks / shards).max(1);
        let history = config.history_bytes() / 4 * 3 / shards as u64;
        let cell = |number: usize| ShardCell {
            lock: RwLock::new(Shard::new(number as u64, marks, history, &config)),
            tally: Tally::new(config.classes),
            flights: Arc::new(Flights::default()),
            number,
        };
        let cells = (0..shards).map(cell).collect();
        Engine {
            cells,
            broom: Mutex::default(),
            horizon: Horizon::default(),
            log: OutsideOrder::default(),
            reclaiming: std::sync::atomic::AtomicUsize::new(0),
            classes: config.classes.max(1),
            shared: EngineShared::new(config, seed, shards),
        }
    }

    /// The same engine, for which `order` decides where the changes stand that clients make: invalidations that puts and changes of keys
    /// bring about (of what depends on the key, and of a key that is removed), and values, where those have places too.
    #[must_use]
    pub fn ordered_by(self, order: Arc<dyn Order>) -> Engine {
        Engine { log: OutsideOrder::by(order), ..self }
    }

    /// The same engine, which tells `departures` of entries that leave by themselves.
    #[must_use]
    pub fn watched_by(self, departures: Arc<dyn Departures>) -> Engine {
        self.shared.departures.set(departures);
        self
    }

    /// The count of invalidations applied. A value that is loaded from now on may be filled with it.
    pub fn seq(&self) -> Seq {
        self.shared.counter.now()
    }

    /// Who leaves first when there is too much.
    pub fn eviction(&self) -> Eviction {
        self.shared.eviction()
    }

    /// Lets others leave first from now on. What is known of the use of the entries there are is kept as far as their times
    /// tell it.
    pub fn evict_by(&self, eviction: Eviction) {
        self.shared.set_eviction(eviction);
        for cell in &self.cells {
            let mut shard = cell.lock.write();
            let Shard { eviction: evictor, slab, .. } = &mut *shard;
            evictor.exchange(slab, eviction);
            shard.publish(&self.shared);
        }
    }

    /// The hash of a key, and the shard that it belongs to.
    fn cell(&self, key: &[u8]) -> (u64, &ShardCell) {
        let hash = self.shared.hasher.hash(key);
        (hash, &self.cells[shard_of(hash, self.cells.len() - 1)])
    }

    /// Changes whenever the key's entry does (0: none); for WATCH.
    pub fn stamp(&self, key: &[u8], now: Millis) -> u64 {
        self.peek(key, now, |view| view.stamp()).unwrap_or(0)
    }
}
