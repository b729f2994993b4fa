//! What all shards of an engine share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};

use crate::counter::Counter;
use crate::departures::DeparturesWatch;
use crate::freshness::{Last, Verdict, verdict};
use crate::hash::Hasher;
use crate::history::{Coverage, Through, UNKNOWN};
use crate::ledger::Ledger;
use crate::names::{NameTable, last_of};
use crate::raises::Raised;
use crate::recent::{Heap, Recent};
use crate::slot::EntryPlace;
use crate::{Config, Effect, Event, Eviction, Glob, Millis, Seq};

/// How many patterns, and how many events, are remembered for the fills in flight, and in how many bytes.
const RECENT: (usize, usize) = (256, 64 << 10);

/// Of a shard in which priority does not decide who leaves, or that is empty.
const NO_PRIORITY: u16 = u16::MAX;

/// Writes between two counts of what the shards do not count themselves.
const WRITES_A_COUNT: u64 = 256;

/// Counts, names and memories that belong to no one shard.
#[derive(Debug)]
pub(crate) struct EngineShared {
    pub config: Config,
    pub hasher: Hasher,
    pub counter: Counter,
    pub names: NameTable,
    pub everything: WideMark,
    pub patterns: Recent<Swath>,
    pub events: Recent<Event>,
    /// The last invalidations, for the history of keys.
    pub ledger: Ledger,
    /// Bytes and entries of all shards.
    pub shard_bytes: AtomicU64,
    pub entries: AtomicU64,
    /// Who leaves first now: an [`Eviction`] as its place among all.
    eviction: AtomicUsize,
    /// Of each shard, the lowest priority of its entries where that decides who leaves; else [`NO_PRIORITY`].
    priorities: Box<[AtomicU16]>,
    /// The last invalidation that left entries to the sweeper.
    pub unswept: AtomicU64,
    pub invalidations: AtomicU64,
    /// Who is told of entries that leave by themselves.
    pub departures: DeparturesWatch,
    /// Bytes of names, marks, edges and remembered scopes, as counted last.
    rest_bytes: AtomicU64,
    writes: AtomicU64,
}

/// A pattern or prefix over keys.
#[derive(Debug, Clone)]
pub(crate) enum Swath {
    Pattern(Glob),
    Prefix(Arc<[u8]>),
}

impl Swath {
    pub(crate) fn covers(&self, key: &[u8]) -> bool {
        match self {
            Swath::Pattern(glob) => glob.matches(key),
            Swath::Prefix(prefix) => key.starts_with(prefix),
        }
    }
}

impl Heap for Swath {
    fn heap_bytes(&self) -> usize {
        match self {
            Swath::Pattern(glob) => glob.as_bytes().len(),
            Swath::Prefix(prefix) => prefix.len(),
        }
    }
}

/// The mark of everything.
#[derive(Debug, Default)]
pub(crate) struct WideMark {
    gone: AtomicU64,
    stale: AtomicU64,
}

impl WideMark {
    pub(crate) fn last(&self) -> Last {
        Last { gone: Seq(self.gone.load(Ordering::Acquire)), stale: Seq(self.stale.load(Ordering::Acquire)) }
    }

    pub(crate) fn raise(&self, seq: Seq, effect: Effect) {
        let mark = match effect {
            Effect::Gone => &self.gone,
            Effect::Stale => &self.stale,
        };
        mark.fetch_max(seq.0, Ordering::AcqRel);
    }
}

/// What a stored entry is worth now, from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// May not be served to anybody.
    Dead,
    /// Expired, and within its grace.
    Grace,
    /// Marked stale.
    Stale,
    /// As good as new.
    Fresh,
}

impl EngineShared {
    pub(crate) fn new(config: Config, seed: u64, shards: usize) -> EngineShared {
        EngineShared {
            hasher: Hasher::new(seed),
            counter: Counter::default(),
            names: NameTable::new(config.marks, config.history_bytes() / 8, seed),
            everything: WideMark::default(),
            patterns: Recent::new(RECENT.0, RECENT.1),
            events: Recent::new(RECENT.0, RECENT.1),
            ledger: Ledger::new(config.history_bytes() / 8),
            shard_bytes: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            eviction: AtomicUsize::new(config.eviction as usize),
            priorities: (0..shards).map(|_| AtomicU16::new(NO_PRIORITY)).collect(),
            unswept: AtomicU64::new(0),
            invalidations: AtomicU64::new(0),
            departures: DeparturesWatch::default(),
            rest_bytes: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            config,
        }
    }

    /// The one rule, over all that covers an entry.
    pub(crate) fn verdict(&self, slot: &EntryPlace) -> Verdict {
        let own = if slot.stale { Verdict::Stale } else { Verdict::Fresh };
        let wide = verdict(slot.began, self.everything.last());
        let held = slot.held();
        let named = if held.is_empty() { Verdict::Fresh } else { verdict(slot.began, last_of(held)) };
        own.max(wide).max(named)
    }

    /// The verdict before everything was invalidated as `seq`; an older invalidation of everything has left no
    /// entry that it covers.
    pub(crate) fn verdict_before(&self, slot: &EntryPlace, seq: Seq) -> Verdict {
        let wide = self.everything.last();
        if wide.gone < seq { self.verdict(slot) } else { verdict(slot.began, last_of(slot.held())) }
    }

    /// What made an entry old before anything else did, of what covers it and has not been carried out on it.
    pub(crate) fn cover(&self, slot: &EntryPlace, effect: Effect) -> Option<Coverage> {
        // An older invalidation of everything has left no entry that it covers.
        let wide = self.everything.last().of(effect);
        let wide = (wide > slot.began).then_some(Coverage { by: Some(wide), through: Through::Key });
        let raised = slot.held().iter().filter(|mark| mark.last().of(effect) > slot.began);
        let named = raised.filter_map(|mark| {
            let by = match self.names.first_raise(mark, slot.began, effect) {
                Raised::By(seq) => Some(seq),
                Raised::Forgotten => None,
                // It was old already by this mark.
                Raised::Never => return None,
            };
            Some(Coverage { by, through: Through::of(mark.kind()) })
        });
        wide.into_iter().chain(named).reduce(Coverage::first)
    }

    /// When an entry was covered, if that is remembered.
    pub(crate) fn covered_at(&self, cover: Coverage, now: Millis) -> Millis {
        cover.by.and_then(|by| self.ledger.when(by)).map_or(UNKNOWN, |at| at.min(now))
    }

    /// What an entry is worth at `now`.
    pub(crate) fn standing(&self, slot: &EntryPlace, now: Millis) -> Standing {
        match self.verdict(slot) {
            _ if slot.over(now) => Standing::Dead,
            Verdict::Gone => Standing::Dead,
            _ if slot.expired(now) => Standing::Grace,
            Verdict::Stale => Standing::Stale,
            Verdict::Fresh => Standing::Fresh,
        }
    }

    /// Bytes of everything, counted now.
    pub(crate) fn bytes(&self) -> u64 {
        let rest = self.names.memory_bytes()
            + self.patterns.memory_bytes()
            + self.events.memory_bytes()
            + self.ledger.memory_bytes();
        self.rest_bytes.store(rest as u64, Ordering::Relaxed);
        self.shard_bytes.load(Ordering::Relaxed).saturating_add(rest as u64)
    }

    /// Whether there is too much of anything.
    pub(crate) fn over_full(&self) -> bool {
        self.over_memory() || self.over_entries()
    }

    /// Whether there are more entries than allowed.
    pub(crate) fn over_entries(&self) -> bool {
        self.entries.load(Ordering::Relaxed) > self.config.max_entries
    }

    /// Counts one entry out if there are too many; the caller evicts one then.
    pub(crate) fn claim_entry(&self) -> bool {
        let fewer = |entries: u64| (entries > self.config.max_entries).then(|| entries - 1);
        self.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
    }

    /// Whether there is more than one entry.
    pub(crate) fn has_others(&self) -> bool {
        self.entries.load(Ordering::Relaxed) > 1
    }

    /// Who leaves first now.
    pub(crate) fn eviction(&self) -> Eviction {
        Eviction::ALL[self.eviction.load(Ordering::Relaxed)]
    }

    pub(crate) fn set_eviction(&self, eviction: Eviction) {
        self.eviction.store(eviction as usize, Ordering::Relaxed);
    }

    /// Tells the lowest priority of a shard's entries, where that decides who leaves.
    pub(crate) fn publish_priority(&self, shard: usize, lowest: Option<u8>) {
        let lowest = lowest.map_or(NO_PRIORITY, u16::from);
        let known = &self.priorities[shard];
        if known.load(Ordering::Relaxed) != lowest {
            known.store(lowest, Ordering::Relaxed);
        }
    }

    pub(crate) fn priority_of(&self, shard: usize) -> Option<u8> {
        u8::try_from(self.priorities[shard].load(Ordering::Relaxed)).ok()
    }

    /// The lowest of all.
    pub(crate) fn lowest_priority(&self) -> Option<u8> {
        (0..self.priorities.len()).filter_map(|shard| self.priority_of(shard)).min()
    }

    /// Whether more memory is taken than allowed. What is not the shards' own is counted at every so many writes.
    pub(crate) fn over_memory(&self) -> bool {
        let rest = self.rest_bytes.load(Ordering::Relaxed);
        self.shard_bytes.load(Ordering::Relaxed).saturating_add(rest) > self.config.max_memory
    }

    /// Notes a write.
    pub(crate) fn note_write(&self) {
        if self.writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(WRITES_A_COUNT) {
            self.bytes();
        }
    }
}
